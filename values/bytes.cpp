// SPDX-License-Identifier: BSD-2-Clause
#include <duplex/bytes.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <new>
#include <vector>

namespace duplex {
namespace detail {
namespace {

constexpr std::size_t smallest = 256;         // below this the header's share is no longer worth a class of its own
constexpr std::uint32_t large = 64 * 1024;    // blocks above are kept in small numbers: idle memory stays bounded
constexpr std::uint32_t recycled = 1U << 23;  // above 8 MiB a page fault is noise beside the copy: give it back

// Free lists by power of two. Emptied when the thread ends; a block freed after that goes straight to the allocator.
struct free_lists {
  std::array<std::vector<block*>, 33> of_class;
  ~free_lists();
};

// The flag outlives the lists, having no destructor: a late unref on an ending thread may still read it.
thread_local bool lists_gone = false;

free_lists::~free_lists() {
  lists_gone = true;
  for (auto& list : of_class)
    for (auto* b : list) std::free(b);
}

free_lists* lists() {
  if (lists_gone) return nullptr;
  static thread_local free_lists all;
  return &all;
}

}  // namespace

block* block::make(std::size_t size) {
  if (size > (std::size_t{1} << 31)) throw std::bad_alloc{};
  const auto size_class = static_cast<std::uint32_t>(std::bit_width(std::max(size, smallest) - 1));
  if (auto* free = lists()) {
    if (auto& list = free->of_class[size_class]; !list.empty()) {
      auto* b = list.back();
      list.pop_back();
      b->refs_.store(1, std::memory_order_relaxed);
      return b;
    }
  }
  const auto capacity = std::uint32_t{1} << size_class;
  auto* memory = std::malloc(sizeof(block) + capacity);
  if (memory == nullptr) throw std::bad_alloc{};
  return new (memory) block{capacity, size_class};
}

void block::recycle() noexcept {
  auto* free = capacity_ <= recycled ? lists() : nullptr;
  if (free == nullptr) return std::free(this);
  auto& list = free->of_class[size_class_];
  if (list.size() >= (capacity_ <= large ? 16U : 4U)) return std::free(this);
  try {
    list.push_back(this);
  } catch (const std::bad_alloc&) {
    std::free(this);
  }
}

}  // namespace detail

bytes::bytes(std::string_view text) {
  if (text.empty()) return;
  memory_ = detail::block_ptr{detail::block::make(text.size())};
  std::memcpy(memory_->begin(), text.data(), text.size());
  end_ = static_cast<std::uint32_t>(text.size());
}

bytes bytes::slice(std::size_t offset, std::size_t count) const noexcept {
  const auto from = begin_ + static_cast<std::uint32_t>(std::min(offset, size()));
  const auto length = static_cast<std::uint32_t>(std::min<std::size_t>(count, end_ - from));
  return {memory_, from, from + length};
}

void bytes::remove_prefix(std::size_t count) noexcept {
  begin_ += static_cast<std::uint32_t>(std::min(count, size()));
  if (begin_ == end_) *this = bytes{};
}

void bytes_writer::grow(std::size_t want) {
  constexpr std::size_t most = 64 * 1024;  // what is remembered of a lot that was larger
  const auto room = memory_ ? std::size_t{memory_->capacity()} * 2 : std::min<std::size_t>(last_, most);
  detail::block_ptr larger{detail::block::make(std::max(room, want))};
  if (memory_) std::memcpy(larger->begin(), memory_->begin(), size_);
  memory_ = std::move(larger);
}

void bytes_writer::append(std::string_view data) {
  if (!data.empty()) std::memcpy(extend(data.size()), data.data(), data.size());
}

}  // namespace duplex
