// SPDX-License-Identifier: BSD-2-Clause
#include <duplex/bytes.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <new>
#include <string>
#include <thread>
#include <vector>

using duplex::bytes;
using duplex::detail::block;

TEST_CASE("bytes: a default value and an empty text are empty", "[bytes]") {
  for (const bytes& b : {bytes{}, bytes{""}}) {
    CHECK(b.empty());
    CHECK(b.size() == 0);
    CHECK(b.view().empty());
    CHECK(b.str().empty());
    CHECK(b.slice(3, 4).empty());
    CHECK(b == "");
  }
}

TEST_CASE("bytes: the text is copied, NUL and high bytes included", "[bytes]") {
  std::string text{"a\0b\xff", 4};
  const bytes b{text};
  text[0] = 'x';
  CHECK(b.size() == 4);
  CHECK(b == std::string_view("a\0b\xff", 4));
  CHECK(b.str() == std::string("a\0b\xff", 4));
  CHECK(b != bytes{"a"});
}

TEST_CASE("bytes: copies and slices share the memory", "[bytes]") {
  const bytes whole{"hello world"};
  const bytes copy = whole;  // NOLINT(performance-unnecessary-copy-initialization): the claim
  const auto part = whole.slice(6);
  CHECK(copy.data() == whole.data());
  CHECK(part.data() == whole.data() + 6);
  CHECK(part == "world");
  CHECK(part.slice(1, 3) == "orl");
}

TEST_CASE("bytes: a slice outlives the value it was taken from", "[bytes]") {
  bytes part;
  {
    const bytes whole{"hello world"};
    part = whole.slice(0, 5);
  }
  CHECK(part == "hello");
}

TEST_CASE("bytes: a slice is cut at the end", "[bytes]") {
  const bytes b{"hello"};
  CHECK(b.slice(2, 100) == "llo");
  CHECK(b.slice(2, SIZE_MAX) == "llo");
  CHECK(b.slice(5).empty());
  CHECK(b.slice(SIZE_MAX, SIZE_MAX).empty());
  CHECK(b.slice(0, 0).empty());
  CHECK(b.slice(1).slice(1).slice(1, 9) == "lo");
}

TEST_CASE("bytes: remove_prefix drops at most what there is", "[bytes]") {
  bytes b{"hello"};
  const bytes before = b;
  b.remove_prefix(0);
  CHECK(b == "hello");
  b.remove_prefix(2);
  CHECK(b == "llo");
  CHECK(before == "hello");
  b.remove_prefix(SIZE_MAX);
  CHECK(b.empty());
  CHECK(b.data() == nullptr);  // the memory is given back, not kept for nothing
}

TEST_CASE("bytes: a moved-from value is empty", "[bytes]") {
  bytes from{"hello"};
  bytes to = std::move(from);
  CHECK(from.empty());  // NOLINT(bugprone-use-after-move): the claim
  CHECK(from.view().empty());
  from = std::move(to);
  CHECK(to.empty());  // NOLINT(bugprone-use-after-move)
  auto& same = from;
  from = same;
  CHECK(from == "hello");
}

TEST_CASE("bytes: compares with text on either side", "[bytes]") {
  const bytes b{"abc"};
  CHECK(b == "abc");
  CHECK("abc" == b);
  CHECK(b == std::string{"abc"});
  CHECK(b == bytes{"xabc"}.slice(1));
  CHECK_FALSE(b == "ab");
}

TEST_CASE("bytes: many threads copy, slice and drop one block", "[bytes]") {
  const bytes whole{std::string(4096, 'x')};
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < 4; ++t)
    threads.emplace_back([mine = whole, t, &wrong] {
      std::vector<bytes> held;
      for (std::size_t i = 0; i < 2000; ++i) {
        held.push_back(mine.slice((t + i) % 4096, 16));
        if (!held.back().empty() && held.back().view().front() != 'x') ++wrong;
        if (held.size() > 64) held.clear();
      }
    });
  for (auto& thread : threads) thread.join();
  CHECK(wrong == 0);
  CHECK(whole.size() == 4096);
}

TEST_CASE("bytes: the last reference may go on another thread", "[bytes]") {
  for (const std::size_t size : {1U, 4096U, 100'000U, 9U << 20}) {
    bytes b{std::string(size, 'x')};
    std::thread{[moved = std::move(b)]() mutable { moved.remove_prefix(moved.size()); }}.join();
  }
}

TEST_CASE("bytes: a block's memory is used again on the thread that dropped it", "[bytes]") {
  // A thread of its own, so that no other test has filled its free lists.
  std::thread{[] {
    const char* const first = bytes{std::string(5000, 'a')}.data();
    const bytes again{std::string(8000, 'b')};
    if (again.data() != first || again.size() != 8000) std::terminate();
    const bytes other{std::string(8000, 'c')};
    if (other.data() == again.data() || again.view() != std::string(8000, 'b')) std::terminate();
  }}.join();
}

TEST_CASE("bytes: a block that a thread drops after its free lists are gone is freed", "[bytes]") {
  std::thread{[] {
    static thread_local bytes late;  // destroyed after the lists, which its first block makes
    late = bytes{"late"};
  }}.join();
}

TEST_CASE("bytes: a block holds what was asked for, up to the limit", "[bytes]") {
  for (const std::size_t size : {0U, 1U, 256U, 257U, 65'536U, 65'537U}) {
    const duplex::detail::block_ptr b{block::make(size)};
    CHECK(b->capacity() >= size);
  }
  CHECK_THROWS_AS(block::make((std::size_t{1} << 31) + 1), std::bad_alloc);
}

TEST_CASE("bytes_writer: begins with the room that the last lot took", "[bytes]") {
  duplex::bytes_writer writer;
  writer.append(std::string(5000, 'a'));
  CHECK(writer.take().size() == 5000);
  const auto* first = writer.extend(1);
  CHECK(writer.extend(4999) == first + 1);  // it did not grow
  CHECK(writer.take().size() == 5000);
}

TEST_CASE("bytes_writer: forgets the size of a lot that was huge", "[bytes]") {
  duplex::bytes_writer writer;
  writer.append(std::string(4 << 20, 'a'));
  (void)writer.take();
  writer.append("b");
  auto small = writer.take();
  CHECK(small == "b");
  CHECK(std::move(small).release().memory->capacity() <= 64 * 1024);
}
