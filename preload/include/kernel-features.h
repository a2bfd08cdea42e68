/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What glibc's own header gives its sources: what every kernel has.  */

#ifndef PORTZERO_KERNEL_FEATURES_H
#define PORTZERO_KERNEL_FEATURES_H

#include <sys/syscall.h>

/* Where there is socketcall, too, the call itself came with Linux 4.3.  There
   as in glibc, which makes it if it need not run on an older kernel.  */
#ifdef __NR_getpeername
#define __ASSUME_GETPEERNAME_SYSCALL 1
#endif

#endif
