/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What glibc's own header gives its sources: numbers of socketcall(2).  */

#ifndef PORTZERO_SOCKETCALL_H
#define PORTZERO_SOCKETCALL_H

#include <linux/net.h>

#define SOCKOP_getpeername SYS_GETPEERNAME

#endif
