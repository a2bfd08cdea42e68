/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Routing rules that ask for a port.  */

#define _GNU_SOURCE
#include "network.h"

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <unistd.h>

CASE (rule, destination_port,
      .question = "Can a routing rule ask for the destination port 0?",
      .basis = "No standard; Linux fib_rule_port_range_valid(): 0 is no port",
      .families = IPV4 | IPV6, .protocols = UDP, .entries = SYSCALL)
{
  own_network (test, "");
  in_port_t port
      = ntohs (test->family->domain == AF_INET ? test->peer.in.sin_port
                                               : test->peer.in6.sin6_port);
  struct
  {
    struct nlmsghdr header;
    struct fib_rule_hdr rule;
    struct nlattr attribute;
    struct fib_rule_port_range range;
  } request
      = { .header = { .nlmsg_len = sizeof request,
                      .nlmsg_type = RTM_NEWRULE,
                      .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE },
          .rule = { .family = (unsigned char) test->family->domain,
                    .table = RT_TABLE_MAIN,
                    .action = FR_ACT_TO_TBL },
          .attribute
          = { .nla_len = sizeof request.attribute + sizeof request.range,
              .nla_type = FRA_DPORT_RANGE },
          .range = { port, port } };
  struct
  {
    struct nlmsghdr header;
    struct nlmsgerr error;
    char more[500];
  } answer;
  int fd = socket (AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (fd < 0 || send (fd, &request, sizeof request, 0) < 0
      || recv (fd, &answer, sizeof answer, 0) < 0)
    broken (test, "rtnetlink", errno);
  if (answer.error.error == -EOPNOTSUPP || answer.error.error == -EAFNOSUPPORT)
    skip (test, "CONFIG_IP_MULTIPLE_TABLES in this kernel");
  observe_value (test, "", "RTM_NEWRULE", answer.error.error, unspecified ());
}
