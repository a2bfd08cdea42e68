/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The rows of the variant axes.  To add a family or a protocol, add a bit in
   case.h and a row here.  */

#include "runner.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif
#ifndef SOCK_DCCP
#define SOCK_DCCP 6
#endif

const struct family families[] = {
  { IPV4, "IPv4", AF_INET, "127.0.0.1" },
  { IPV6, "IPv6", AF_INET6, "::1" },
  { IPV4_MAPPED, "IPv4-mapped", AF_INET6, "::ffff:127.0.0.1" },
  { NO_FAMILY, "-", AF_UNSPEC, "" },
  { 0 },
};

const struct protocol protocols[] = {
  { TCP, "TCP", SOCK_STREAM, IPPROTO_TCP, ANY_FAMILY, NULL },
  { MPTCP, "MPTCP", SOCK_STREAM, IPPROTO_MPTCP, ANY_FAMILY, "CONFIG_MPTCP" },
  { SCTP, "SCTP", SOCK_STREAM, IPPROTO_SCTP, ANY_FAMILY, "CONFIG_IP_SCTP" },
  { DCCP, "DCCP", SOCK_DCCP, IPPROTO_DCCP, ANY_FAMILY, "CONFIG_IP_DCCP" },
  { UDP, "UDP", SOCK_DGRAM, IPPROTO_UDP, ANY_FAMILY, NULL },
  { UDPLITE, "UDP-Lite", SOCK_DGRAM, IPPROTO_UDPLITE, ANY_FAMILY, "UDP-Lite" },
  /* The first number that RFC 3692 leaves to experiments.  */
  { RAW, "raw", SOCK_RAW, 253, ANY_FAMILY, NULL },
  { PING, "ping", SOCK_DGRAM, IPPROTO_ICMP, IPV4, NULL },
  { PING, "ping", SOCK_DGRAM, IPPROTO_ICMPV6, IPV6, NULL },
  { SCTP_MANY, "SCTP one-to-many", SOCK_SEQPACKET, IPPROTO_SCTP, ANY_FAMILY,
    "CONFIG_IP_SCTP" },
  { NO_PROTOCOL, "-", 0, 0, ANY_FAMILY | NO_FAMILY, NULL },
  { 0 },
};
