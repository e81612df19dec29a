// SPDX-License-Identifier: Apache-2.0
#include "recant/verify/verify.hpp"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>

#include "promise.hpp"
#include "template.hpp"

namespace recant {
namespace verification {
namespace {

constexpr std::int64_t kLargest = 1'000'000'000'000;

constexpr std::string_view kCertificate =
    R"({"schema":"recant.certificate/1","model_id":%h16,"parameters_hash":%h32,"level":%t,)"
    R"("mechanism":%t,"budget":%({"epsilon":%r,"delta":%r,"releases":%i,"dimension":%i,)"
    R"("sigma_exponent":%i,"grid_exponent":%i,"allowance":%r}%),"release":%i,"mu":%(%r%),)"
    R"("assumptions":%[%t%],"version":%t,"released_on":%t,"former":%(%h32%),)"
    R"("annex_commitment":%h32,"key_id":%h16,"signature":%h64})"
    "\n";
constexpr std::string_view kAnnex =
    R"({"schema":"recant.annex/1","salt":%h32,"model_id":%h16,"release":%i,"bound":%(%r%),)"
    R"("terms":%[{"name":%t,"value":%r}%],"tier":%(%t%),"alpha":%(%r%),"seconds":%r,)"
    R"("requests":%[%h32%]})"
    "\n";
constexpr std::string_view kPublicKey =
    R"({"schema":"recant.public_key/1","key_id":%h16,"public_key":%h32})"
    "\n";

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::string prefixed(std::string domain, std::string_view message) {
  return domain.append(1, '\0').append(message);
}

/// BLAKE2b-256 in hexadecimal digits.
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

/// A certificate whose form is right, and the texts that the signature and the chain are about.
struct Certificate {
  CertificateFacts facts;
  std::optional<Budget> budget;
  double mu = 0;
  std::string parameters_hash, annex_commitment, signature, signed_text, chain_hash;
  std::optional<std::string> former;
};

void require_date(const std::string& text) {
  bool good = text.size() == 10 && text >= "1970";
  for (std::size_t i = 0; good && i < 10; ++i) {
    good = i == 4 || i == 7 ? text[i] == '-' : text[i] >= '0' && text[i] <= '9';
  }
  if (good) {
    using namespace std::chrono;
    good = year_month_day(year(std::stoi(text)),
                          month(static_cast<unsigned>(std::stoi(text.substr(5)))),
                          day(static_cast<unsigned>(std::stoi(text.substr(8)))))
               .ok();
  }
  require(good, "released_on is not a day as YYYY-MM-DD");
}

/// What level, mechanism and the optional members have to do with each other.
void require_consistent(const Certificate& c) {
  const CertificateFacts& f = c.facts;
  const bool grid = f.mechanism == "gaussian_on_grid";
  require(f.level == "exact" || f.level == "certified" || f.level == "heuristic",
          "level is not exact, certified or heuristic");
  require(grid || f.mechanism == "none" || f.mechanism == "seeded_gaussian_on_grid" ||
              f.mechanism == "objective_perturbation",
          "mechanism is not one of the format");
  require(f.level != "certified" || grid, "level certified needs the mechanism gaussian_on_grid");
  require(f.level != "exact" || grid || f.mechanism == "none",
          "level exact cannot have the mechanism " + f.mechanism);
  require(f.level != "heuristic" || !f.assumptions.empty(),
          "level heuristic has no assumption that says why");
  require(c.budget.has_value() == (grid && f.level != "heuristic"),
          "budget and level do not go together");
  require(c.former.has_value() == (f.release > 1), "former and release do not go together");
}

Certificate read_certificate(const std::string& text) {
  const Fields f = match(kCertificate, text);
  Certificate c;
  c.facts = {.model_id = f.text("model_id"),
             .level = f.text("level"),
             .mechanism = f.text("mechanism"),
             .key_id = f.text("key_id"),
             .released_on = f.text("released_on"),
             .release = f.integer("release", 1, kLargest),
             .assumptions = f.all("assumptions")};
  require_date(c.facts.released_on);
  c.parameters_hash = f.text("parameters_hash");
  c.annex_commitment = f.text("annex_commitment");
  c.signature = from_hexadecimal(f.text("signature"));
  if (f.has("former")) c.former = f.text("former");
  require(f.has("mu") == f.has("epsilon"), "mu and budget do not go together");
  if (f.has("mu")) {
    c.mu = f.real("mu");
    c.budget = {.epsilon = f.real("epsilon"),
                .delta = f.real("delta"),
                .allowance = f.real("allowance"),
                .releases = f.integer("releases", 1, kLargest),
                .dimension = f.integer("dimension", 1, kLargest),
                .sigma_exponent = f.integer("sigma_exponent", -800, 800),
                .grid_exponent = f.integer("grid_exponent", -400, 400)};
    const Budget& b = *c.budget;
    c.facts.promise = {b.epsilon,
                       b.delta,
                       static_cast<double>(b.sigma()),
                       static_cast<double>(b.grid_step()),
                       b.allowance,
                       c.mu,
                       b.releases};
  }
  require_consistent(c);
  // What is signed is the object without its last member.
  const std::size_t body = text.rfind(",\"signature\":");
  c.signed_text = prefixed("recant.certificate/1", text.substr(0, body) + "}");
  c.chain_hash = hash("recant.chain/1", text);
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
  require(c.facts.key_id == key.id,
          "the certificate names key " + c.facts.key_id + ", but key " + key.id + " was given");
  require(crypto_sign_verify_detached(bytes_of(c.signature), bytes_of(c.signed_text),
                                      c.signed_text.size(), bytes_of(key.bytes)) == 0,
          "the signature is not by this key over this text");
}

void check_budget(const Certificate& c) {
  if (!c.budget) return;
  check_promise(*c.budget);
  require(c.facts.release <= c.budget->releases, "the release is beyond those that were promised");
  const long double mu = c.budget->mu(c.facts.release);
  require(c.mu >= mu && c.mu <= mu * (1 + 1e-12L), "mu is not that of so many releases");
}

/// The float64s of a one-dimensional NPY file.
std::string_view npy_doubles(const std::string& file) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(file[i]); };
  require(file.size() >= 10 && std::memcmp(file.data(), "\x93NUMPY\x01", 7) == 0,
          "is not an NPY file of version 1");
  const std::size_t begin = 10U + byte(8) + 256U * byte(9);
  require(file.size() >= begin, "is cut short");
  const std::string header = file.substr(10, begin - 10);
  unsigned long long count = 0;
  const std::size_t shape = header.find("'shape': (");
  require(header.find("'descr': '<f8'") != std::string::npos && shape != std::string::npos &&
              std::sscanf(header.c_str() + shape, "'shape': (%llu,)", &count) == 1 &&
              count <= static_cast<unsigned long long>(kLargest) &&
              file.size() - begin == 8 * count,
          "is not one dimension of float64");
  return std::string_view(file).substr(begin);
}

void check_parameters(const Certificate& c, const std::string& file) {
  const std::string_view data = npy_doubles(file);
  const std::size_t count = data.size() / 8;
  std::string message;
  for (unsigned shift = 0; shift < 64; shift += 8)
    message += static_cast<char>(static_cast<std::uint64_t>(count) >> shift & 255U);
  require(hash("recant.parameters/1", message.append(data)) == c.parameters_hash,
          "these are not the parameters that the certificate is about");
  if (!c.budget) return;
  require(static_cast<std::int64_t>(count) == c.budget->dimension,
          "their number is not the dimension of the budget");
  for (std::size_t i = 0; i < count; ++i) {
    std::uint64_t bits = 0;
    for (std::size_t k = 8; k-- > 0;)
      bits = bits << 8 | static_cast<unsigned char>(data[8 * i + k]);
    double value;
    std::memcpy(&value, &bits, sizeof value);
    const double steps = std::ldexp(value, -static_cast<int>(c.budget->grid_exponent));
    require(std::fabs(steps) <= 0x1p53 && std::trunc(steps) == steps,
            "a parameter is not a multiple of the grid step");
  }
}

void check_annex(const Certificate& c, const std::string& text) {
  require(hash("recant.annex/1", text) == c.annex_commitment,
          "this is not the annex that the certificate is bound to");
  const Fields f = match(kAnnex, text);
  require(f.text("salt") != std::string(64, '0'), "there is no salt");
  require(f.text("model_id") == c.facts.model_id, "model_id is of another model");
  require(f.integer("release", 1, kLargest) == c.facts.release, "release is another one");
  constexpr std::array<std::string_view, 5> kTiers = {"0", "half", "1", "2", "retrain"};
  require(!f.has("tier") || std::count(kTiers.begin(), kTiers.end(), f.text("tier")) == 1,
          "tier is not one of the format");
  for (const char* name : {"bound", "alpha", "seconds"}) {
    if (f.has(name)) static_cast<void>(f.real(name));
  }
  for (const std::string& value : f.all("value")) static_cast<void>(real_number("value", value));
  require(!c.budget || f.has("bound"), "there is no bound");
  require(!c.budget || f.real("bound") <= c.budget->allowance, "the bound is above the allowance");
}

bool same(const std::optional<Budget>& a, const std::optional<Budget>& b) {
  if (!a || !b) return a.has_value() == b.has_value();
  return a->epsilon == b->epsilon && a->delta == b->delta && a->allowance == b->allowance &&
         a->releases == b->releases && a->dimension == b->dimension &&
         a->sigma_exponent == b->sigma_exponent && a->grid_exponent == b->grid_exponent;
}

/// `former` is what stands directly before `next`.
void check_link(const Certificate& former, const Certificate& next) {
  require(next.former == former.chain_hash, "is not the one that the next certificate follows");
  require(former.facts.release + 1 == next.facts.release, "its release is not the one before");
  require(former.facts.model_id == next.facts.model_id, "is of another model");
  require(former.facts.key_id == next.facts.key_id, "is by another key");
  require(same(former.budget, next.budget), "has another budget");
  require(former.facts.released_on <= next.facts.released_on, "is of a later day");
}

/// The release of the oldest certificate that was followed.
std::int64_t check_chain(const Certificate& last, const std::vector<std::string>& previous,
                         const std::optional<PublicKey>& key) {
  Certificate next = last;
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
  return next.facts.release;
}

/// Runs the checks in their order; after a failure none.
class Checks {
 public:
  explicit Checks(Verification& out) : out_(out) {}
  template <class Run>  // -> detail
  void run(const char* name, Run run) {
    if (out_.failure() != nullptr) return;
    try {
      out_.checks.push_back({name, CheckState::kPassed, run()});
    } catch (const Mismatch& mismatch) {
      out_.checks.push_back({name, CheckState::kFailed, mismatch.what()});
    }
  }
  void skip(const char* name, const char* why) {
    if (out_.failure() == nullptr) out_.checks.push_back({name, CheckState::kNotChecked, why});
  }

 private:
  Verification& out_;
};

}  // namespace
}  // namespace verification

std::string_view name(CheckState state) noexcept {
  constexpr std::array<std::string_view, 3> kNames = {"passed", "failed", "not_checked"};
  return kNames[static_cast<std::size_t>(state)];
}

const Check* Verification::failure() const noexcept {
  const auto found = std::find_if(checks.begin(), checks.end(), [](const Check& check) {
    return check.state == CheckState::kFailed;
  });
  return found == checks.end() ? nullptr : &*found;
}

bool Verification::complete() const noexcept {
  return std::all_of(checks.begin(), checks.end(),
                     [](const Check& check) { return check.state == CheckState::kPassed; });
}

Verification verify(const VerificationFiles& files) {
  using namespace verification;
  Verification out;
  Checks checks(out);
  Certificate c;
  std::optional<PublicKey> key;
  checks.run("form", [&] {
    require(sodium_init() >= 0, "libsodium cannot be initialised");
    c = read_certificate(files.certificate);
    out.facts = c.facts;
    return std::string("is canonical, and its members fit together");
  });
  if (files.public_key) {
    checks.run("signature", [&] {
      key = read_public_key(*files.public_key);
      check_signature(c, *key);
      return "by key " + key->id;
    });
  } else {
    checks.skip("signature", "no public key was given: anyone may have written this");
  }
  if (out.failure() == nullptr && !c.budget) {
    checks.skip("promise", "the certificate promises no epsilon and delta");
  } else {
    checks.run("promise", [&] {
      check_budget(c);
      return std::string("the allowance gives the epsilon and delta that are stated");
    });
  }
  if (files.parameters) {
    checks.run("parameters", [&] {
      check_parameters(c, *files.parameters);
      return std::string("are those that the certificate is about") +
             (c.budget ? ", and on the grid" : "");
    });
  } else {
    checks.skip("parameters", "no model was given");
  }
  if (files.annex) {
    checks.run("annex", [&] {
      check_annex(c, *files.annex);
      return std::string("is the one that was committed to") +
             (c.budget ? "; its bound is within the allowance" : "; it has no allowance to keep");
    });
  } else {
    checks.skip("annex", "no annex was given: that the bound is within the allowance is a claim");
  }
  if (c.facts.release > 1 && files.previous.empty()) {
    checks.skip("chain", "former certificates exist, but none was given");
  } else {
    std::int64_t oldest = 1;
    checks.run("chain", [&] {
      oldest = check_chain(c, files.previous, key);
      return std::string("complete from the first release");
    });
    if (out.failure() == nullptr && oldest > 1) {
      out.checks.back() = {
          "chain", CheckState::kNotChecked,
          "fits back to release " + std::to_string(oldest) + "; those before were not given"};
    }
  }
  return out;
}

}  // namespace recant
