// SPDX-License-Identifier: Apache-2.0
#include "recant/verify/verify.hpp"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <ctime>

#include "promise.hpp"
#include "template.hpp"

namespace recant {
namespace verification {
namespace {

constexpr std::int64_t kLargest = 1'000'000'000'000;

constexpr std::string_view kCertificate =
    R"({"schema":"= recant.certificate/1","model_id":"hex 16","parameters_hash":"hex 32",)"
    R"("level":"= exact certified heuristic",)"
    R"("mechanism":"= none gaussian_on_grid seeded_gaussian_on_grid objective_perturbation",)"
    R"("budget":[null,{"epsilon":"real","delta":"real",)"
    R"("releases":"integer","dimension":"integer","sigma_exponent":"integer",)"
    R"("grid_exponent":"integer","allowance":"real","difference_epsilon?":"real",)"
    R"("difference_delta?":"real","difference_step?":"real"}],"release":"integer",)"
    R"("mu":[null,"real"],"assumptions":["text"],"version":"text","released_on":"text",)"
    R"("former":[null,"hex 32"],"annex_commitment":"hex 32","key_id":"hex 16",)"
    R"("signature":"hex 64"})";
constexpr std::string_view kAnnex =
    R"({"schema":"= recant.annex/1","salt":"hex 32","model_id":"hex 16","release":"integer",)"
    R"("bound":[null,"real"],"terms":[{"name":"text","value":"real"}],"tier":[null,"= 0 half 1 2 retrain"],)"
    R"("alpha":[null,"real"],"seconds":"real","requests":["hex 32"]})";
constexpr std::string_view kPublicKey =
    R"({"schema":"= recant.public_key/1","key_id":"hex 16","public_key":"hex 32"})";

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::string prefixed(std::string domain, std::string_view message) {
  return domain.append(1, '\0').append(message);
}

/// BLAKE2b-256 in hexadecimal digits. Neither this nor checking a signature needs sodium_init(),
/// which stops the process where there are no random bytes: a verifier does without.
std::string hash(const std::string& domain, std::string_view message) {
  const std::string all = prefixed(domain, message);
  std::array<unsigned char, 32> digest;
  crypto_generichash(digest.data(), digest.size(), bytes_of(all), all.size(), nullptr, 0);
  char hex[65];
  return sodium_bin2hex(hex, sizeof hex, digest.data(), digest.size());
}

std::string from_hexadecimal(const std::string& hex) {
  std::string bytes(hex.size() / 2, '\0');
  sodium_hex2bin(reinterpret_cast<unsigned char*>(bytes.data()), bytes.size(), hex.data(),
                 hex.size(), nullptr, nullptr, nullptr);
  return bytes;
}

/// A certificate whose form is right.
struct Certificate {
  Fields fields;
  std::optional<Budget> budget;
  std::int64_t release = 0;
  std::string text;
};

void require_date(const std::string& text) {
  std::tm day{};
  strptime(text.c_str(), "%Y-%m-%d", &day);
  timegm(&day);  // makes a day beyond the end of its month one of the next
  std::array<char, 40> again{};
  std::strftime(again.data(), again.size(), "%Y-%m-%d", &day);
  require(text == again.data() && day.tm_year >= 70, "released_on is not a day as YYYY-MM-DD");
}

/// What level, mechanism and the optional members have to do with each other.
void require_consistent(const Certificate& c) {
  const Fields& f = c.fields;
  const std::string &level = f.text("level"), &mechanism = f.text("mechanism");
  const bool grid = mechanism == "gaussian_on_grid";
  require(level != "certified" || grid, "level certified needs the mechanism gaussian_on_grid");
  require(level != "exact" || grid || mechanism == "none",
          "level exact cannot have the mechanism " + mechanism);
  require(level != "heuristic" || f.has("assumptions"),
          "level heuristic has no assumption that says why");
  require(mechanism != "objective_perturbation" ||
              f.text("assumptions").ends_with("not certified by recant"),
          "the first assumption does not say that objective perturbation is not certified");
  require(c.budget.has_value() == (grid && level != "heuristic"),
          "budget and level do not go together");
  require(f.has("mu") == c.budget.has_value(), "mu and budget do not go together");
  require(f.has("former") == (c.release > 1), "former and release do not go together");
  const bool difference = f.has("difference_step");
  require(f.has("difference_epsilon") == difference && f.has("difference_delta") == difference,
          "difference_epsilon, difference_delta and difference_step do not go together");
  require(!difference || f.real("difference_step") > 0, "difference_step is not above 0");
}

Certificate read_certificate(const std::string& text) {
  Certificate c{.fields = match(kCertificate, text), .text = text};
  const Fields& f = c.fields;
  c.release = f.integer("release", 1, kLargest);
  require_date(f.text("released_on"));
  if (f.has("epsilon")) {
    c.budget = {.epsilon = f.real("epsilon"),
                .delta = f.real("delta"),
                .allowance = f.real("allowance"),
                .releases = f.integer("releases", 1, kLargest),
                .dimension = f.integer("dimension", 1, kLargest),
                .sigma_exponent = f.integer("sigma_exponent", -800, 800),
                .grid_exponent = f.integer("grid_exponent", -400, 400),
                .difference_epsilon = f.real("difference_epsilon"),
                .difference_delta = f.real("difference_delta"),
                .difference_step = f.real("difference_step")};
  }
  require_consistent(c);
  return c;
}

struct PublicKey {
  std::string bytes, id;
};

PublicKey read_public_key(const std::string& text) {
  try {
    const Fields f = match(kPublicKey, text);
    PublicKey key{from_hexadecimal(f.text("public_key")), f.text("key_id")};
    require(hash("recant.key/1", key.bytes).starts_with(key.id),
            "key_id is not that of public_key");
    return key;
  } catch (const Mismatch& mismatch) {
    throw Mismatch(std::string("the public key is damaged: ") + mismatch.what());
  }
}

void check_signature(const Certificate& c, const PublicKey& key) {
  const std::string& id = c.fields.text("key_id");
  require(id == key.id, "the certificate names key " + id + ", but key " + key.id + " was given");
  // What is signed is the object without its last member.
  const std::string body = c.text.substr(0, c.text.rfind(",\"signature\":")) + "}";
  const std::string signed_text = prefixed("recant.certificate/1", body);
  const std::string signature = from_hexadecimal(c.fields.text("signature"));
  require(crypto_sign_verify_detached(bytes_of(signature), bytes_of(signed_text),
                                      signed_text.size(), bytes_of(key.bytes)) == 0,
          "the signature is not by this key over this text");
}

void check_budget(const Certificate& c) {
  if (!c.budget) return;
  check_promise(*c.budget);
  require(c.release <= c.budget->releases, "the release is beyond those that were promised");
  const long double mu = c.budget->mu(c.release);
  const double stated = c.fields.real("mu");
  require(stated >= mu && stated <= mu * (1 + 1e-12L), "mu is not that of so many releases");
}

/// The float64s of a one-dimensional NPY file, whose other kinds have another length.
std::string_view npy_doubles(const std::string& file) {
  require(file.size() >= 10 && file.starts_with("\x93NUMPY\x01"),
          "is not an NPY file of version 1");
  const std::size_t begin = std::min(file.find('\n', 10) + 1, file.size());  // the header is a line
  const std::string header = file.substr(10, begin - 10);
  const std::string shape = "'shape': (" + std::to_string((file.size() - begin) / 8) + ",)";
  require(header.find("'descr': '<f8'") != std::string::npos &&
              header.find(shape) != std::string::npos && (file.size() - begin) % 8 == 0,
          "is not one dimension of float64");
  return std::string_view(file).substr(begin);
}

void check_parameters(const Certificate& c, const std::string& file) {
  const std::string_view data = npy_doubles(file);
  static_assert(std::endian::native == std::endian::little);
  const std::uint64_t count = data.size() / 8;
  std::string message(reinterpret_cast<const char*>(&count), sizeof count);
  require(hash("recant.parameters/1", message.append(data)) == c.fields.text("parameters_hash"),
          "these are not the parameters that the certificate is about");
  if (!c.budget) return;
  require(static_cast<std::int64_t>(count) == c.budget->dimension,
          "their number is not the dimension of the budget");
  for (std::size_t i = 0; i < count; ++i) {
    double value;
    std::memcpy(&value, data.data() + 8 * i, sizeof value);
    const double steps = std::ldexp(value, -static_cast<int>(c.budget->grid_exponent));
    require(std::fabs(steps) <= 0x1p53 && std::trunc(steps) == steps,
            "a parameter is not a multiple of the grid step");
  }
}

void check_annex(const Certificate& c, const std::string& text) {
  require(hash("recant.annex/1", text) == c.fields.text("annex_commitment"),
          "this is not the annex that the certificate is bound to");
  const Fields f = match(kAnnex, text);
  require(f.text("salt") != std::string(64, '0'), "there is no salt");
  require(f.text("model_id") == c.fields.text("model_id"), "model_id is of another model");
  require(f.integer("release", 1, kLargest) == c.release, "release is another one");
  if (!c.budget) return;
  require(f.has("bound"), "there is no bound");
  require(f.real("bound") <= c.budget->allowance, "the bound is above the allowance");
}

/// `former` is what stands directly before `next`.
void check_link(const Certificate& former, const Certificate& next) {
  const Fields &a = former.fields, &b = next.fields;
  require(b.has("former") && b.text("former") == hash("recant.chain/1", former.text),
          "is not the one that the next certificate follows");
  require(former.release + 1 == next.release, "its release is not the one before");
  require(a.text("model_id") == b.text("model_id"), "is of another model");
  require(a.text("key_id") == b.text("key_id"), "is by another key");
  require(former.budget == next.budget, "has another budget");
  require(a.text("released_on") <= b.text("released_on"), "is of a later day");
}

/// The release of the oldest certificate that was followed.
std::int64_t check_chain(Certificate next, const std::vector<std::string>& previous,
                         const std::optional<PublicKey>& key) {
  for (std::size_t i = previous.size(); i-- > 0;) {
    try {
      Certificate former = read_certificate(previous[i]);
      check_link(former, next);
      if (key) check_signature(former, *key);
      check_budget(former);
      next = std::move(former);
    } catch (const Mismatch& mismatch) {
      throw Mismatch("previous certificate " + std::to_string(i + 1) + " of " +
                     std::to_string(previous.size()) + ": " + mismatch.what());
    }
  }
  return next.release;
}

/// What keeps a check from being made; not a failure.
struct NotChecked : std::runtime_error {
  using std::runtime_error::runtime_error;
};
void need(bool given, const std::string& why) {
  if (!given) throw NotChecked(why);
}

}  // namespace
}  // namespace verification

std::string_view name(CheckState state) noexcept {
  constexpr std::array<std::string_view, 3> kNames = {"passed", "failed", "not_checked"};
  return kNames[static_cast<std::size_t>(state)];
}

const Check* Verification::failure() const noexcept {
  const auto found = std::ranges::find(checks, CheckState::kFailed, &Check::state);
  return found == checks.end() ? nullptr : &*found;
}

bool Verification::complete() const noexcept {
  return std::ranges::count(checks, CheckState::kPassed, &Check::state) == std::ssize(checks);
}

Verification verify(const VerificationFiles& files) {
  using namespace verification;
  Verification out;
  Certificate c;
  std::optional<PublicKey> key;
  const auto check = [&](const char* what, auto run) {  // run() -> detail
    if (out.failure() != nullptr) return;
    try {
      out.checks.push_back({what, CheckState::kPassed, run()});
    } catch (const Mismatch& mismatch) {
      out.checks.push_back({what, CheckState::kFailed, mismatch.what()});
    } catch (const NotChecked& reason) {
      out.checks.push_back({what, CheckState::kNotChecked, reason.what()});
    }
  };
  check("form", [&] {
    c = read_certificate(files.certificate);
    out.members = c.fields.values;
    return "is canonical, and its members fit together";
  });
  check("signature", [&] {
    need(files.public_key.has_value(), "no public key was given: anyone may have written this");
    key = read_public_key(*files.public_key);
    check_signature(c, *key);
    return "by key " + key->id;
  });
  check("promise", [&] {
    need(c.budget.has_value(), "the certificate promises no epsilon and delta");
    check_budget(c);
    return "the allowance gives the epsilon and delta that are stated";
  });
  check("parameters", [&] {
    need(files.parameters.has_value(), "no model was given");
    check_parameters(c, *files.parameters);
    return "these are the ones that the certificate is about";
  });
  check("annex", [&] {
    need(files.annex.has_value(),
         "no annex was given: that the bound is within the allowance is a claim");
    check_annex(c, *files.annex);
    return c.budget ? "is the one committed to; its bound is within the allowance"
                    : "is the one committed to; it has no allowance to keep";
  });
  check("chain", [&] {
    need(c.release == 1 || !files.previous.empty(), "no former certificates were given");
    const std::int64_t oldest = check_chain(c, files.previous, key);
    need(oldest == 1,
         "fits back to release " + std::to_string(oldest) + "; those before were not given");
    return "complete from the first release";
  });
  return out;
}

}  // namespace recant
