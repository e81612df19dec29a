// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <libpq-fe.h>

namespace recant {

/// The functions of libpq that a ledger on a server takes. The library is loaded when the first
/// such ledger is opened and not with the program: it brings TLS, Kerberos and LDAP with it, a
/// quarter of the time of a command that needs none of them.
struct Libpq {
#define RECANT_LIBPQ_FUNCTIONS(each)                                                      \
  each(PQclear) each(PQconnectdb) each(PQconninfoFree) each(PQconninfoParse) each(PQexec) \
      each(PQfinish) each(PQfreemem) each(PQftype) each(PQgetResult) each(PQgetisnull)    \
          each(PQgetlength) each(PQgetvalue) each(PQprepare) each(PQresultErrorField)     \
              each(PQresultStatus) each(PQsendQueryPrepared) each(PQsetNoticeProcessor)   \
                  each(PQsetSingleRowMode) each(PQsocket) each(PQstatus) each(PQtransactionStatus)
#define RECANT_LIBPQ_MEMBER(function) decltype(&::function) function;
  RECANT_LIBPQ_FUNCTIONS(RECANT_LIBPQ_MEMBER)
#undef RECANT_LIBPQ_MEMBER
};

/// @throws DataError where it is not installed.
[[nodiscard]] const Libpq& libpq();

}  // namespace recant
