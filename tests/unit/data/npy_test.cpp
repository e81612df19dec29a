// SPDX-License-Identifier: Apache-2.0
#include "recant/data/npy.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <sstream>
#include <string>

#include "expect_error.hpp"
#include "golden.hpp"
#include "recant/core/error.hpp"
#include "temporary_folder.hpp"

namespace recant {
namespace {

using namespace std::string_literals;
using test::expect_error;
using testing::ElementsAre;

/// An NPY file of a version with this dictionary and these bytes.
std::string npy(const std::string& dictionary, const std::string& data, char version = 1) {
  std::string file = "\x93NUMPY"s + version + '\0';
  const std::size_t length = dictionary.size();
  for (int i = 0; i < (version == 1 ? 2 : 4); ++i) {
    file += static_cast<char>((length >> (8 * i)) & 0xFFU);
  }
  return file + dictionary + data;
}

std::string described(const std::string& type, const std::string& shape) {
  return "{'descr': '" + type + "', 'fortran_order': False, 'shape': " + shape + ", }";
}

template <class T>
std::string bytes_of(std::initializer_list<T> values, bool swapped = false) {
  std::string bytes;
  for (const T value : values) {
    std::string item(sizeof(T), '\0');
    std::memcpy(item.data(), &value, sizeof(T));
    if (swapped) std::reverse(item.begin(), item.end());
    bytes += item;
  }
  return bytes;
}

TEST(Npy, ReadsEveryType) {
  const test::TemporaryFolder folder;
  const auto reads = [&](const std::string& type, const std::string& data) {
    const auto path = folder.write("x.npy", npy(described(type, "(2,)"), data));
    return read_npy_vector(path);
  };
  EXPECT_EQ(reads("<f8", bytes_of<double>({1.5, -2})), Vector({{1.5, -2}}));
  EXPECT_EQ(reads("<f4", bytes_of<float>({1.5, -2})), Vector({{1.5, -2}}));
  EXPECT_EQ(reads("|b1", "\0\1"s), Vector({{0, 1}}));
  EXPECT_EQ(reads("|i1", bytes_of<std::int8_t>({-128, 127})), Vector({{-128, 127}}));
  EXPECT_EQ(reads("<i2", bytes_of<std::int16_t>({-300, 300})), Vector({{-300, 300}}));
  EXPECT_EQ(reads("<i4", bytes_of<std::int32_t>({-70000, 7})), Vector({{-70000, 7}}));
  EXPECT_EQ(reads("<i8", bytes_of<std::int64_t>({-1, 1LL << 40})), Vector({{-1, 1099511627776.}}));
  EXPECT_EQ(reads("|u1", bytes_of<std::uint8_t>({0, 255})), Vector({{0, 255}}));
  EXPECT_EQ(reads("<u2", bytes_of<std::uint16_t>({0, 65535})), Vector({{0, 65535}}));
  EXPECT_EQ(reads("<u4", bytes_of<std::uint32_t>({0, 4294967295})), Vector({{0, 4294967295.}}));
  EXPECT_EQ(reads("<u8", bytes_of<std::uint64_t>({0, 1ULL << 63})), Vector({{0, 0x1p63}}));
  EXPECT_EQ(reads(">f8", bytes_of<double>({1.5, -2}, true)), Vector({{1.5, -2}}));
  EXPECT_EQ(reads(">i2", bytes_of<std::int16_t>({-300, 300}, true)), Vector({{-300, 300}}));
}

TEST(Npy, ReadsEveryVersionAndSpelling) {
  const test::TemporaryFolder folder;
  const std::string data = bytes_of<double>({1, 2, 3, 4, 5, 6});
  for (const char version : {'\1', '\2', '\3'}) {
    for (const std::string& dictionary :
         {"{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }      \n"s,
          "{\"shape\":(2,3),\"descr\":\"<f8\",\"fortran_order\":False}"s,
          " { 'fortran_order' : False , 'shape' : ( 2 , 3 , ) , 'descr' : '<f8' , } "s}) {
      const auto path = folder.write("x.npy", npy(dictionary, data, version));
      const FeatureMatrix matrix = read_npy_matrix(path);
      EXPECT_EQ(matrix.rows(), 2);
      EXPECT_EQ(matrix.columns(), 3);
      EXPECT_EQ(matrix.view()(1, 0), 4);
    }
  }
}

TEST(Npy, ConvertsMatricesThatCannotBeMapped) {
  const test::TemporaryFolder folder;
  const auto path = folder.write(
      "x.npy", npy(described(">i4", "(2, 2)"), bytes_of<std::int32_t>({1, 2, 3, 4}, true)));
  EXPECT_EQ(read_npy_matrix(path).view(), (RowMatrix{{1, 2}, {3, 4}}));
}

TEST(Npy, ReadsIntegersTablesAndTexts) {
  const test::TemporaryFolder folder;
  const auto file = [&](const std::string& type, const std::string& shape,
                        const std::string& data) {
    return folder.write("x.npy", npy(described(type, shape), data));
  };
  EXPECT_THAT(read_npy_integers(file("<i4", "(2,)", bytes_of<std::int32_t>({-1, 5}))),
              ElementsAre(-1, 5));
  const std::string bytes = "ab\0\0abcd\0\0\0\0"s;
  EXPECT_THAT(read_npy_texts(file("|S4", "(3,)", bytes)), ElementsAre("ab", "abcd", ""));
  EXPECT_THAT(read_npy_texts(file("|u1", "(2,)", "\7\xFF"s)), ElementsAre("7", "255"));
  const IntegerTable table =
      read_npy_integer_table(file("<f8", "(2, 2)", bytes_of<double>({1, -2, 3, 4e15})));
  EXPECT_EQ(table.rows, 2);
  EXPECT_EQ(table.columns, 2);
  EXPECT_THAT(table.values, ElementsAre(1, -2, 3, 4000000000000000));

  expect_error<DataError>(
      [&] {
        return read_npy_integer_table(file("<f8", "(2, 2)", bytes_of<double>({1, 2, 3, 4.5})));
      },
      {"row 2, column 2", "whole"});
  for (const double wrong : {0x1p63, std::nan(""), -std::numeric_limits<double>::infinity()}) {
    expect_error<DataError>(
        [&] { return read_npy_integer_table(file("<f8", "(1,)", bytes_of<double>({wrong}))); },
        {"row 1"});
  }
  expect_error<DataError>(
      [&] { return read_npy_integers(file("<u8", "(1,)", bytes_of<std::uint64_t>({1ULL << 63}))); },
      {"row 1", "64 bits"});
  expect_error<DataError>(
      [&] { return read_npy_integers(file("<f8", "(1,)", bytes_of<double>({1}))); }, {"floats"});
  expect_error<DataError>(
      [&] { return read_npy_texts(file("<f8", "(1,)", bytes_of<double>({1}))); }, {"floats"});
  expect_error<DataError>([&] { return read_npy_vector(file("|S4", "(3,)", bytes)); }, {"texts"});
}

TEST(Npy, RefusesWhatItCannotRead) {
  const test::TemporaryFolder folder;
  const std::string one = bytes_of<double>({1});
  const auto fails = [&](const std::string& bytes, const std::vector<std::string>& parts) {
    std::vector<std::string> all = parts;
    all.emplace_back("x.npy");
    expect_error<DataError>([&] { return read_npy_header(folder.write("x.npy", bytes)); }, all);
  };
  fails("", {"not an NPY file"});
  fails("PK\3\4", {"not an NPY file"});
  fails("\x93NUMPY", {"cut short in its header"});
  fails("\x93NUMPY\1\0\x76"s, {"cut short in its header"});
  fails(npy(described("<f8", "(1,)"), "").substr(0, 30), {"cut short in its header"});
  fails(npy(described("<f8", "(1,)"), one, 4), {"version"});
  fails(npy(described("<f8", "(2,)"), one), {"8 bytes", "(2,) needs 16", "cut short"});
  fails(npy(described("<f8", "(1,)"), one + "x"), {"9 bytes", "needs 8"});
  fails(npy(described("<f8", "(0, 5)"), one), {"needs 0"});
  fails(npy(described("<f8", "(-1,)"), one), {"malformed"});
  fails(npy(described("<f8", "(1.5,)"), one), {"malformed"});
  fails(npy(described("<f8", "(9223372036854775807, 9223372036854775807)"), one), {"too large"});
  fails(npy(described("<f8", "(0, 9223372036854775807)"), ""), {"too large"});
  fails(npy(described("<f8", "(99999999999999999999,)"), one), {"malformed"});
  fails(npy(described("<f8", "()"), one), {"0 dimensions"});
  fails(npy(described("<f8", "(1, 1, 1)"), one), {"3 dimensions"});
  fails(npy("{'descr': '<f8', 'fortran_order': True, 'shape': (1, 1), }", one),
        {"Fortran", "ascontiguousarray"});
  for (const std::string type :
       {"<f2", "<f16", "<c16", "|O8", "<M8", "|S0", "<i3", "<", "f8", "<f8x", "|b2", "<i-4"}) {
    fails(npy(described(type, "(1,)"), one), {"not supported"});
  }
  fails(npy(described("<U4", "(1,)"), one), {"astype('S')"});
  fails(npy("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1,), }", one), {"fields"});
  for (const std::string& dictionary :
       {""s, "{"s, "{}"s, "{'descr': '<f8'}"s, described("<f8", "(1,)") + "x", "{'descr': '<f8"s,
        "{'descr': '<f8', 'fortran_order': Maybe, 'shape': (1,)}"s,
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1,), 'more': 1}"s,
        "{'descr': '<f8', 'descr': '<f8', 'fortran_order': False, 'shape': (1,)}"s,
        "{'descr': '<f8' 'fortran_order': False, 'shape': (1,)}"s,
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1 1)}"s,
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1,"s}) {
    fails(npy(dictionary, one), {"malformed"});
  }
  expect_error<NotFoundError>([&] { return read_npy_header(folder / "none.npy"); }, {"none.npy"});
  expect_error<DataError>([&] { return read_npy_header(folder.path()); }, {"folder"});
  expect_error<DataError>(
      [&] { return read_npy_matrix(folder.write("x.npy", npy(described("<f8", "(1,)"), one))); },
      {"1 dimensions, but 2"});
  expect_error<DataError>(
      [&] { return read_npy_vector(folder.write("x.npy", npy(described("<f8", "(1, 1)"), one))); },
      {"2 dimensions, but 1"});
}

TEST(Npy, ComesBackAsWritten) {
  const test::TemporaryFolder folder;
  const auto path = folder / "x.npy";
  for (const auto write : {write_npy, write_staged_npy}) {
    const RowMatrix matrix = RowMatrix::Random(37, 5);
    write(path, RowsView(matrix.data(), matrix.rows(), matrix.cols()));
    EXPECT_EQ(read_npy_matrix(path).view(), matrix);
    EXPECT_EQ(read_npy_header(path).data_offset % 64, 0);
    write(path, FeatureMatrix(matrix).only({1, 3, 4, 36}));
    EXPECT_EQ(read_npy_matrix(path).view(), matrix({1, 3, 4, 36}, Eigen::all));

    const Vector vector{{1e-320, -0.0, 0.1, std::numeric_limits<double>::infinity()}};
    write(path, vector);
    EXPECT_EQ(read_npy_vector(path), vector);

    const std::vector<std::int64_t> integers = {std::numeric_limits<std::int64_t>::min(), 0, 7};
    write(path, std::span<const std::int64_t>(integers));
    EXPECT_EQ(read_npy_integers(path), integers);

    const std::vector<std::string> texts = {"a", "", "Zoë", "a\0b"s};
    write(path, std::span<const std::string>(texts));
    EXPECT_EQ(read_npy_texts(path), texts);

    const std::vector<std::int32_t> codes = {1, 2, 3, 4, 5, 6};
    write(path, NpyView::IntegerRows(codes.data(), 3, 2));
    const IntegerTable table = read_npy_integer_table(path);
    EXPECT_EQ(table.columns, 2);
    EXPECT_THAT(table.values, ElementsAre(1, 2, 3, 4, 5, 6));

    write(path, std::span<const std::string>());
    EXPECT_TRUE(read_npy_texts(path).empty());
    write(path, Vector());
    EXPECT_EQ(read_npy_vector(path).size(), 0);
  }
}

TEST(Npy, WritesWhatNumpyWrites) {
  std::ostringstream out;
  NpyView(Vector{{1, 2}}).write(out);
  const std::string wanted = "{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }";
  EXPECT_EQ(out.str().substr(0, 10), "\x93NUMPY\1\0\x76\0"s);
  EXPECT_EQ(out.str().substr(10, wanted.size()), wanted);
  EXPECT_EQ(out.str()[127], '\n');
  EXPECT_EQ(out.str().size(), 128 + 16);
}

TEST(Npy, RefusesWhatCannotBeWritten) {
  const test::TemporaryFolder folder;
  const std::vector<std::string> texts = {"a\0"s};
  expect_error<DataError>([&] { NpyView view{std::span<const std::string>(texts)}; },
                          {"zero byte"});
  const Vector values{{1, 2}};
  expect_error<DataError>([&] { write_npy(folder / "none/x.npy", values); }, {"none/x.npy"});
  expect_error<DataError>([&] { write_staged_npy(folder / "none/x.npy", values); }, {"none/x.npy"});
  expect_error<DataError>([&] { write_staged_npy("/dev/full", values); }, {"/dev/full", "space"});
}

TEST(Npy, FindsNumbersThatAreNotFinite) {
  RowMatrix values = RowMatrix::Constant(3000, 4, std::numeric_limits<double>::max());
  const auto check = [&] { require_finite(RowsView(values.data(), 3000, 4), "x.npy"); };
  EXPECT_NO_THROW(check());
  values(2500, 1) = std::numeric_limits<double>::infinity();
  expect_error<DataError>(check, {"x.npy, row 2501, column 2", "is infinite"});
  values(17, 3) = std::nan("");
  expect_error<DataError>(check, {"x.npy, row 18, column 4", "is NaN"});
}

TEST(Npy, ReadsFilesOfNumpy) {
  if (!test::golden_available()) GTEST_SKIP() << test::kNoGolden;
  const FeatureMatrix matrix = read_npy_matrix(test::golden_folder() / "prep_edge_X_train.npy");
  EXPECT_EQ(matrix.rows(), 36);
  EXPECT_EQ(matrix.columns(), 16);
  const Vector targets = read_npy_vector(test::golden_folder() / "prep_edge_y_train.npy");
  EXPECT_EQ(targets.sum(), 14);
  const FeatureMatrix pixels = read_npy_matrix(test::shared_folder() / "data/mnist38/test_x.npy");
  EXPECT_EQ(pixels.rows(), 1984);
  EXPECT_EQ(pixels.view().maxCoeff(), 255);
}

}  // namespace
}  // namespace recant
