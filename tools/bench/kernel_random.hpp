// SPDX-License-Identifier: BSD-2-Clause
#pragma once

namespace bench {

/// Makes the kernel, by getrandom(2), the source of all that this process asks of OpenSSL's RAND_bytes: what an
/// application may do to a process of its own and a library may not. OpenSSL's generator takes a third of what SSH adds
/// to a round trip, for the random padding of each packet. Call it before any other thread.
void use_kernel_random();

}  // namespace bench
