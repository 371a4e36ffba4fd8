// SPDX-License-Identifier: BSD-2-Clause
#pragma once

namespace bench {

/// Makes the kernel, by getrandom(2), the source of all that this process asks of OpenSSL's RAND_bytes: what an
/// application may do to a process of its own and a library may not. For the random padding of two packets OpenSSL's
/// generator took 4 of the 20 us of a round trip on one CPU (Xeon). Call it before any other thread.
void use_kernel_random();

}  // namespace bench
