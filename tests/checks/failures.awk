# SPDX-License-Identifier: BSD-2-Clause
# From ctest's LastTest.log: what the failed tests printed, the last 100 lines of each, and the count as ctest says it.
function finish(   i) {
  if (size == 0) return
  total++
  if (passed) return
  failed++
  for (i = size > 100 ? size - 99 : 1; i <= size; i++) print lines[i]
}
/^[0-9]+\/[0-9]+ Testing: / { finish(); size = passed = 0; inside = 1 }
/^Test Passed\.$/ { passed = 1 }
inside { lines[++size] = $0 }
END {
  finish()
  printf "%d%% tests passed, %d tests failed out of %d\n", total ? int(100 * (total - failed) / total) : 0, failed, total
}
