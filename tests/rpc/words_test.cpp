// SPDX-License-Identifier: BSD-2-Clause
#include <duplex/rpc/codec.hpp>

#include <catch2/catch.hpp>

using duplex::rpc::codec_error;
using duplex::rpc::word_as_json;
using duplex::rpc::words_as_json;

TEST_CASE("words: what is JSON stays as it is, and a plain word is a string", "[rpc]") {
  for (const auto* json : {"1", "-1.5e3", "true", "null", "\"a b\"", "[1, 2]", "{\"a\":[]}", " [1]"})
    CHECK(word_as_json(json) == json);
  CHECK(word_as_json("news") == "\"news\"");
  CHECK(word_as_json("007") == "\"007\"");
  CHECK(word_as_json("a\"b\\c\n") == R"("a\"b\\c\n")");
  CHECK(word_as_json("") == "\"\"");
  CHECK(word_as_json("nan") == "\"nan\"");
}

TEST_CASE("words: what begins as an array, an object or a quoted string has to be one", "[rpc]") {
  for (const auto* wrong : {"[1,", "{a:1}", "\"a", "[1]]", " [", "\"a\"b"}) {
    CAPTURE(wrong);
    CHECK_THROWS_AS(word_as_json(wrong), codec_error);
  }
  CHECK_THROWS_AS(word_as_json("\xff"), codec_error);  // no UTF-8
}

TEST_CASE("words: spaces separate them, but not within JSON", "[rpc]") {
  CHECK(words_as_json("") == "[]");
  CHECK(words_as_json("  ") == "[]");
  CHECK(words_as_json("1 2") == "[1,2]");
  CHECK(words_as_json(" news   \"a b\" {\"x\": [1, 2]} ") == R"(["news","a b",{"x": [1, 2]}])");
  CHECK(words_as_json(R"("say \"a b\"" ["] ["] a"b c)") == R"(["say \"a b\"",["] ["],"a\"b","c"])");
}

TEST_CASE("words: JSON that does not end, or goes on without a space, is wrong", "[rpc]") {
  for (const auto* wrong : {"[1", "1 {\"a\": \"b}", "[1]2", "\"a\\", "[\"\\"}) {
    CAPTURE(wrong);
    CHECK_THROWS_AS(words_as_json(wrong), codec_error);
  }
}
