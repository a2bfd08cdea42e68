/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The rows of the variant axes.  To add a family or a protocol, add a bit in
   case.h and a row here.  */

#include "runner.h"

const struct family families[] = {
  { IPV4, "IPv4", AF_INET, "127.0.0.1" },
  { IPV6, "IPv6", AF_INET6, "::1" },
  { IPV4_MAPPED, "IPv4-mapped", AF_INET6, "::ffff:127.0.0.1" },
  { NO_FAMILY, "-", AF_UNSPEC, "" },
  { 0 },
};

const struct protocol protocols[] = {
  { TCP, "TCP", SOCK_STREAM, IPPROTO_TCP },
  { MPTCP, "MPTCP", SOCK_STREAM, IPPROTO_MPTCP },
  { UDP, "UDP", SOCK_DGRAM, IPPROTO_UDP },
  { UDPLITE, "UDP-Lite", SOCK_DGRAM, IPPROTO_UDPLITE },
  { NO_PROTOCOL, "-", 0, 0 },
  { 0 },
};
