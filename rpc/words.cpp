// SPDX-License-Identifier: BSD-2-Clause
// What people type, as JSON.
#include <duplex/rpc/codec.hpp>

#include "rpc/json_text.hpp"
#include "rpc/msgpack.hpp"

namespace duplex::rpc {
namespace {

bool begins_as_json(char c) { return c == '[' || c == '{' || c == '"'; }

// How many characters the array, object or quoted string at the front of `text` has; all when it does not end.
std::size_t extent(std::string_view text) {
  bool quoted = false;
  std::size_t depth = 0, at = 0;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (quoted) {
      if (c == '\\')
        ++at;
      else if (c == '"')
        quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '[' || c == '{') {
      ++depth;
    } else if (c == ']' || c == '}') {
      --depth;
    }
    if (!quoted && depth == 0) return at + 1;
  }
  return text.size();
}

}  // namespace

std::string word_as_json(std::string_view word) {
  try {
    (void)from_json(word);
    return std::string{word};
  } catch (const codec_error&) {
    if (const auto first = word.find_first_not_of(" \t\r\n");
        first != std::string_view::npos && begins_as_json(word[first]))
      throw;
  }
  std::string tokens, text;
  msgpack_writer to{tokens};
  to.str(word);
  to.flush();
  write_json(text, tokens);
  return text;
}

std::string words_as_json(std::string_view words) {
  std::string list{'['};
  for (;;) {
    words.remove_prefix(std::min(words.find_first_not_of(' '), words.size()));
    if (words.empty()) return list += ']';
    const auto from = begins_as_json(words.front()) ? extent(words) : 0;
    const auto end = std::min(words.find(' ', from), words.size());
    if (list.size() > 1) list += ',';
    list += word_as_json(words.substr(0, end));
    words.remove_prefix(end);
  }
}

}  // namespace duplex::rpc
