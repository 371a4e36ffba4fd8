// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace duplex {

namespace detail {

/// Reference-counted memory, header and bytes in one allocation, recycled through free lists of each thread: fresh
/// memory of 128 KiB and more would cost a page fault per 4 KiB.
class block {
 public:
  /// At least `size` bytes (up to 2^31), with one reference. Throws std::bad_alloc. Thread: any.
  static block* make(std::size_t size);

  char* begin() noexcept { return reinterpret_cast<char*>(this + 1); }
  [[nodiscard]] std::uint32_t capacity() const noexcept { return capacity_; }
  void ref() noexcept { refs_.fetch_add(1, std::memory_order_relaxed); }
  void unref() noexcept {
    if (refs_.fetch_sub(1, std::memory_order_acq_rel) == 1) recycle();
  }

 private:
  block(std::uint32_t capacity, std::uint32_t size_class) : capacity_(capacity), size_class_(size_class) {}
  void recycle() noexcept;

  std::atomic<std::uint32_t> refs_{1};
  std::uint32_t capacity_;
  std::uint32_t size_class_;
};

/// *Value.* Shared ownership of a block.
class block_ptr {
 public:
  block_ptr() = default;
  explicit block_ptr(block* owned) noexcept : block_(owned) {}
  block_ptr(const block_ptr& other) noexcept : block_(other.block_) {
    if (block_) block_->ref();
  }
  block_ptr(block_ptr&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  block_ptr& operator=(block_ptr other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~block_ptr() {
    if (block_) block_->unref();
  }

  block* operator->() const noexcept { return block_; }
  explicit operator bool() const noexcept { return block_ != nullptr; }
  friend bool operator==(const block_ptr&, const block_ptr&) = default;

 private:
  block* block_ = nullptr;
};

}  // namespace detail

/// *Value.* A slice of shared, immutable memory: copying and slicing cost a reference count, never the bytes.
class bytes {
 public:
  bytes() = default;
  /// A copy of `text`; at most 2^31 bytes. Throws std::bad_alloc.
  explicit bytes(std::string_view text);
  /// For the library: the bytes [begin, end) of a block that nobody changes any more.
  bytes(detail::block_ptr memory, std::uint32_t begin, std::uint32_t end) noexcept
      : memory_(std::move(memory)), begin_(begin), end_(end) {}
  bytes(const bytes&) = default;
  /// Leaves `other` empty: a size without memory would be a trap for whoever looks at it again.
  bytes(bytes&& other) noexcept
      : memory_(std::move(other.memory_)), begin_(std::exchange(other.begin_, 0)), end_(std::exchange(other.end_, 0)) {}
  bytes& operator=(bytes other) noexcept {
    memory_ = std::move(other.memory_);
    begin_ = other.begin_;
    end_ = other.end_;
    return *this;
  }
  ~bytes() = default;
  struct part {
    detail::block_ptr memory;
    std::uint32_t begin, end;
  };
  /// For the library: what it was made from; it is empty afterwards.
  [[nodiscard]] part release() && noexcept {
    return {std::move(memory_), std::exchange(begin_, 0), std::exchange(end_, 0)};
  }

  [[nodiscard]] const char* data() const noexcept { return memory_ ? memory_->begin() + begin_ : nullptr; }
  [[nodiscard]] std::size_t size() const noexcept { return end_ - begin_; }
  [[nodiscard]] bool empty() const noexcept { return begin_ == end_; }
  [[nodiscard]] std::string_view view() const noexcept { return {data(), size()}; }
  [[nodiscard]] std::string str() const { return std::string{view()}; }
  operator std::string_view() const noexcept { return view(); }

  /// `count` bytes from `offset` (fewer at the end), sharing the memory.
  [[nodiscard]] bytes slice(std::size_t offset, std::size_t count = SIZE_MAX) const noexcept;
  /// Drops the first `count` bytes, or all there are.
  void remove_prefix(std::size_t count) noexcept;

  friend bool operator==(const bytes& a, const bytes& b) noexcept { return a.view() == b.view(); }
  friend bool operator==(const bytes& a, std::string_view b) noexcept { return a.view() == b; }

 private:
  detail::block_ptr memory_;
  std::uint32_t begin_ = 0, end_ = 0;
};

/// Collects bytes, one copy each. It begins with the room that the last lot took: a stream of lots of one size grows
/// none of them. Thread: one at a time.
class bytes_writer {
 public:
  /// Room for `size` more bytes behind what is there (2^31 at most), to be filled at once. Throws
  /// std::bad_alloc.
  char* extend(std::size_t size) {
    const auto want = size_ + size;
    if (!memory_ || want > memory_->capacity()) grow(want);
    return memory_->begin() + std::exchange(size_, static_cast<std::uint32_t>(want));
  }
  void append(std::string_view data);
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  /// What was collected; the writer is empty afterwards.
  [[nodiscard]] bytes take() noexcept {
    last_ = size_;
    return {std::move(memory_), 0, std::exchange(size_, 0)};
  }

 private:
  void grow(std::size_t want);

  detail::block_ptr memory_;
  std::uint32_t size_ = 0, last_ = 0;
};

}  // namespace duplex
