// SPDX-License-Identifier: Apache-2.0
// Encodes a training and a test CSV file as `recant fit` does and writes them as NPY files:
// OUT/{train,validation}_{features,targets,groups}.npy. Validation is the first half of the test
// rows.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>

#include "recant/data/npy.hpp"
#include "recant/data/table.hpp"

namespace {

using recant::Dataset;
using recant::Index;

void write(const std::filesystem::path& folder, const std::string& split, const Dataset& data) {
  const auto path = [&](const char* what) {
    return folder / fmt::format("{}_{}.npy", split, what);
  };
  recant::write_npy(path("features"), data.features.view());
  recant::write_npy(path("targets"), data.targets);
  const auto& codes = data.sensitive.front().codes;
  const std::vector<std::int64_t> groups(codes.begin(), codes.end());
  recant::write_npy(path("groups"), std::span(groups));
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Encodes CSV files as recant fit does and writes NPY files");
  std::filesystem::path train, test, schema, out;
  app.add_option("--train", train)->required();
  app.add_option("--test", test)->required();
  app.add_option("--schema", schema)->required();
  app.add_option("--out", out)->required();
  CLI11_PARSE(app, argc, argv);
  try {
    recant::TableOptions options;
    options.schema = recant::read_schema(schema);
    options.target = options.schema->target.value();
    options.positive = options.schema->positive;
    options.sensitive = {options.schema->sensitive.value()};
    const recant::LoadedTable training = recant::read_training_csv(train, options);
    const Dataset rest = recant::read_csv(test, training.encoder).data;
    std::filesystem::create_directories(out);
    write(out, "train", training.data);
    write(out, "validation", slice(rest, {0, rest.rows() / 2}));
    fmt::print("{} x {} training rows\n", training.data.rows(), training.data.features.columns());
  } catch (const std::exception& error) {
    fmt::print(stderr, "encode_csv: {}\n", error.what());
    return 1;
  }
}
