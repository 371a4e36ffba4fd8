// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/bytes.hpp>

#include <cstdint>
#include <cstring>
#include <iterator>
#include <string_view>
#include <utility>

namespace duplex {

namespace detail {

/// Length prefixes are big-endian, as in RFC 4251 section 5.
inline std::uint32_t load_length(const char* from) noexcept {
  std::uint32_t n;
  std::memcpy(&n, from, sizeof n);
  return __builtin_bswap32(n);
}
inline void store_length(char* to, std::uint32_t n) noexcept {
  n = __builtin_bswap32(n);
  std::memcpy(to, &n, sizeof n);
}

}  // namespace detail

/// Bytes that a frame adds to its payload: a 4-byte big-endian length.
inline constexpr std::uint32_t frame_header = 4;

/// *Value.* A batch of whole frames, kept as the bytes that travel: length, payload, length, payload... The same batch
/// goes in and out, so echoing, relaying or joining re-encodes nothing.
class frames {
 public:
  frames() = default;
  /// For the library: `image` holds `count` whole frames and nothing else.
  frames(bytes image, std::uint32_t count) noexcept : image_(std::move(image)), count_(count) {}
  frames(const frames&) = default;
  /// Leaves `other` empty.
  frames(frames&& other) noexcept : image_(std::move(other.image_)), count_(std::exchange(other.count_, 0)) {}
  frames& operator=(frames other) noexcept {
    image_ = std::move(other.image_);
    count_ = other.count_;
    return *this;
  }
  ~frames() = default;

  /// How many frames, and how many bytes they take on the wire.
  [[nodiscard]] std::uint32_t count() const noexcept { return count_; }
  [[nodiscard]] std::size_t wire_size() const noexcept { return image_.size(); }
  [[nodiscard]] bool empty() const noexcept { return count_ == 0; }
  [[nodiscard]] const bytes& image() const& noexcept { return image_; }
  [[nodiscard]] bytes image() && noexcept {
    count_ = 0;
    return std::move(image_);
  }

  /// Takes the first frame out; its payload shares the batch's memory. The batch must not be empty.
  bytes pop_front() {
    const auto n = detail::load_length(image_.data());
    auto payload = image_.slice(frame_header, n);
    image_.remove_prefix(frame_header + std::size_t{n});
    --count_;
    return payload;
  }

  /// Walks the payloads.
  class iterator {
   public:
    using value_type = std::string_view;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::input_iterator_tag;

    iterator() = default;
    explicit iterator(const char* at) noexcept : at_(at) {}
    std::string_view operator*() const noexcept { return {at_ + frame_header, detail::load_length(at_)}; }
    iterator& operator++() noexcept {
      at_ += frame_header + std::size_t{detail::load_length(at_)};
      return *this;
    }
    iterator operator++(int) noexcept {
      auto was = *this;
      ++*this;
      return was;
    }
    friend bool operator==(const iterator&, const iterator&) = default;

   private:
    const char* at_ = nullptr;
  };
  // Not members: CAF would take the class for a container that it can serialise.
  friend iterator begin(const frames& batch) noexcept { return iterator{batch.image_.data()}; }
  friend iterator end(const frames& batch) noexcept { return iterator{batch.image_.data() + batch.image_.size()}; }

 private:
  bytes image_;
  std::uint32_t count_ = 0;
};

/// Collects frames into a batch, one copy each. Thread: one at a time.
class frame_writer {
 public:
  /// Appends one frame; `payload` at most 2^31 - 4 bytes (a channel's limit is `max_frame`). Throws
  /// std::bad_alloc.
  void put(std::string_view payload) {
    auto* at = image_.extend(frame_header + payload.size());
    detail::store_length(at, static_cast<std::uint32_t>(payload.size()));
    if (!payload.empty()) std::memcpy(at + frame_header, payload.data(), payload.size());
    ++count_;
  }
  /// Bytes collected so far, headers included.
  [[nodiscard]] std::size_t wire_size() const noexcept { return image_.size(); }
  [[nodiscard]] bool empty() const noexcept { return count_ == 0; }
  /// The batch; the writer is empty afterwards.
  [[nodiscard]] frames take() noexcept {
    const auto count = count_;
    count_ = 0;
    return {image_.take(), count};
  }

 private:
  bytes_writer image_;
  std::uint32_t count_ = 0;
};

/// A batch of one frame. Throws std::bad_alloc. Thread: any.
[[nodiscard]] frames make_frames(std::string_view payload);

}  // namespace duplex
