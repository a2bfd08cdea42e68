/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The rows of the variant axes, and the variants of a case.  To add a family or
   a protocol, add a bit in case.h and a row here.  */

#include "runner.h"

#include <arpa/inet.h>
#include <err.h>

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

struct name
loopback (const struct family *family, in_port_t port)
{
  struct name name = { 0 };
  name.any.sa_family = (sa_family_t) family->domain;
  if (family->domain == AF_INET)
    {
      name.length = sizeof name.in;
      inet_pton (AF_INET, family->loopback, &name.in.sin_addr);
    }
  else if (family->domain == AF_INET6)
    {
      name.length = sizeof name.in6;
      inet_pton (AF_INET6, family->loopback, &name.in6.sin6_addr);
    }
  if (name.length != 0)
    set_port (&name, port);
  return name;
}

int
expand (const struct test_case *test_case, struct variant *variants)
{
  int count = 0;
  for (const struct family *f = families; f->name != NULL; f++)
    for (const struct protocol *p = protocols; p->name != NULL; p++)
      for (const struct entry *e = entries; e->name != NULL; e++)
        for (int control = 1; control >= 0; control--)
          {
            if ((test_case->families & p->families & f->bit) == 0
                || (test_case->protocols & p->bit) == 0
                || (test_case->entries != 0
                    && (test_case->entries & e->bit) == 0))
              continue;
            if (count == MOST_VARIANTS)
              errx (BROKEN, "raise MOST_VARIANTS");
            /* The control has a listener port of its own: no trace of the one
               in conntrack can disturb the other.  */
            in_port_t arrival = (in_port_t) (listener_port + control);
            /* As sandbox/steering/redirect.nft has it.  */
            in_port_t source = (in_port_t) (listener_port + 2 + control);
            variants[count++] = (struct variant){
              .test = { .test_case = test_case,
                        .family = f,
                        .protocol = p,
                        .entry = e,
                        .control = control,
                        .peer = loopback (f, control ? arrival : 0),
                        .listener = loopback (f, arrival),
                        .source = loopback (f, source),
                        .client = loopback (f, control ? source : 0) },
            };
          }
  return count;
}
