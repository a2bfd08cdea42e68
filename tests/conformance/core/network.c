/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Networks of a case's own.  */

#define _GNU_SOURCE
#include "network.h"
#include "program.h"
#include "runner.h"

#include <arpa/inet.h>
#include <err.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#ifndef IP_TRANSPARENT
#define IP_TRANSPARENT 19
#endif
#ifndef IPV6_TRANSPARENT
#define IPV6_TRANSPARENT 75
#endif

/* Descriptors of the namespaces that outlive a variant.  The one without rules
   is the same for all cases: to make one costs more than most cases.  Where
   rules hold or settings change, a case's process has one of its own; until it
   is made, that is home.  */
static int plain_fd = -1, home_fd, own_fd;
static bool is_made;
static enum { HOME, PLAIN, OWN } place;
/* The rules that hold there.  */
static const char *loaded = "";

int
keep_networks (int first)
{
  home_fd = first;
  own_fd = first + 1;
  int fd = open ("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  dup3 (fd, own_fd, O_CLOEXEC);
  if (fd != home_fd)
    {
      dup3 (fd, home_fd, O_CLOEXEC);
      close (fd);
    }
  return first + 2;
}

int
network_now (void)
{
  return (int) place;
}

void
leave_own_network (void)
{
  if (place != HOME && setns (home_fd, CLONE_NEWNET) == 0)
    place = HOME;
}

/* Bring up the loopback interface of this namespace.  */
static bool
bring_up_loopback (void)
{
  struct ifreq loopback = { .ifr_name = "lo", .ifr_flags = IFF_UP };
  int fd = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  bool is_up = ioctl (fd, SIOCSIFFLAGS, &loopback) == 0;
  close (fd);
  return is_up;
}

void
make_plain_network (void)
{
  int home = open ("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  if (home >= 0 && unshare (CLONE_NEWNET) == 0)
    {
      if (bring_up_loopback ())
        plain_fd = open ("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
      if (setns (home, CLONE_NEWNET) != 0)
        err (BROKEN, "back to the network of before");
    }
  close (home);
}

/* Store RULES with their variables replaced, as TABLE for one PORT in
   question; for the control it is an arriving port, too.  */
static size_t
put_rules (char *text, size_t size, const char *rules, bool control)
{
  const char *variables[]
      = { "$table", "$zero", "$listener", "$source", "$client" };
  char values[5][20];
  snprintf (values[0], sizeof values[0], "%s", control ? "control" : "zero");
  sprintf (values[1], "%d", control ? listener_port + 1 : 0);
  sprintf (values[2], "%d", listener_port + control);
  sprintf (values[3], "%d", listener_port + 2 + control);
  sprintf (values[4], "%d", control ? listener_port + 3 : 0);
  size_t used = 0;
  while (*rules != 0 && used < size - 20)
    {
      int found = -1;
      for (int i = 0; i < 5; i++)
        if (strncmp (rules, variables[i], strlen (variables[i])) == 0)
          found = i;
      if (found < 0)
        text[used++] = *rules++;
      else
        {
          used += (size_t) sprintf (text + used, "%s", values[found]);
          rules += strlen (variables[found]);
        }
    }
  text[used] = 0;
  return used;
}

static void
load_rules (struct test *test, const char *rules)
{
  if (strcmp (loaded, rules) == 0)
    return;
  char text[8000] = "flush ruleset; ";
  size_t used = strlen (text);
  used += put_rules (text + used, sizeof text - used, rules, false);
  put_rules (text + used, sizeof text - used, rules, true);
  const char *const command[] = { "nft", text, NULL };
  int status = run_program (command, NULL, 0);
  if (status == 127)
    skip (test, "nft, for steering rules of its own (package nftables)");
  if (status != 0)
    skip (test, "what the steering rules need in this kernel (CONFIG_NF_TABLES "
                "with NAT, fib, tproxy)");
  loaded = rules;
}

void
own_network (struct test *test, const char *rules)
{
  bool is_plain = rules[0] == 0 && place != OWN && plain_fd >= 0;
  if (is_plain ? place != PLAIN : place != OWN)
    {
      if ((is_plain  ? setns (plain_fd, CLONE_NEWNET)
           : is_made ? setns (own_fd, CLONE_NEWNET)
                     : unshare (CLONE_NEWNET))
          != 0)
        {
          if (errno == EPERM)
            skip (test, "CAP_SYS_ADMIN, for a network namespace of its own");
          broken (test, "a network namespace of its own", errno);
        }
      place = is_plain ? PLAIN : OWN;
    }
  if (is_plain)
    return;
  if (!is_made)
    {
      int fd = open ("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
      if (fd < 0 || dup3 (fd, own_fd, O_CLOEXEC) < 0)
        broken (test, "/proc/self/ns/net", errno);
      close (fd);
      is_made = true;
      if (!bring_up_loopback ())
        broken (test, "loopback", errno);
    }
  if (rules[0] != 0)
    load_rules (test, rules);
}

void
set_network (struct test *test, const char *setting, const char *value)
{
  char path[200];
  snprintf (path, sizeof path, "/proc/sys/net/%s", setting);
  int fd = open (path, O_WRONLY | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT)
    {
      char missing[300];
      snprintf (missing, sizeof missing, "%s in this kernel", path);
      skip (test, missing);
    }
  if (fd < 0 || write (fd, value, strlen (value)) != (ssize_t) strlen (value))
    {
      if (errno == EACCES || errno == EPERM || errno == EROFS)
        skip (test, "the right to change settings in /proc/sys/net");
      broken (test, path, errno);
    }
  close (fd);
}

void
allow_ping (struct test *test)
{
  int fd = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_ICMP);
  if (fd >= 0)
    close (fd);
  else
    {
      own_network (test, "");
      set_network (test, "ipv4/ping_group_range", "0 0");
    }
}

const char from_port_in_question[]
    = "table inet $table {\n"
      "chain postrouting {\n"
      "type nat hook postrouting priority 100; policy accept;\n"
      "meta nfproto ipv4 meta l4proto {tcp, udp} th sport $source"
      " snat ip to 127.0.0.1:$client\n"
      "meta nfproto ipv6 meta l4proto {tcp, udp} th sport $source"
      " snat ip6 to [::1]:$client\n"
      "}\n"
      "}\n";

static const char tproxy[]
    = "table inet $table {\n"
      "chain prerouting {\n"
      "type filter hook prerouting priority -150; policy accept;\n"
      "meta nfproto ipv4 meta l4proto {tcp, udp} th dport $zero"
      " tproxy ip to :$listener\n"
      "meta nfproto ipv6 meta l4proto {tcp, udp} th dport $zero"
      " tproxy ip6 to :$listener\n"
      "}\n"
      "}\n";

int
socket_at_peer (struct test *test, enum route route, bool from_zero)
{
  own_network (test, route == TPROXY ? tproxy
                     : from_zero     ? from_port_in_question
                                     : "");
  int fd = new_socket (test);
  if (setsockopt (fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof (int)) != 0)
    broken (test, "SO_REUSEADDR", errno);
  if (route == TPROXY
      && (setsockopt (fd, IPPROTO_IP, IP_TRANSPARENT, &(int){ 1 }, sizeof (int))
              != 0
          || (test->family->domain == AF_INET6
              && setsockopt (fd, IPPROTO_IPV6, IPV6_TRANSPARENT, &(int){ 1 },
                             sizeof (int))
                     != 0)))
    broken (test, "IP_TRANSPARENT", errno);
  if (bind (fd, &test->listener.any, test->listener.length) != 0)
    broken (test, "bind to the listener's port", errno);
  if (is_connection (test) && listen (fd, 4) != 0)
    broken (test, "listen", errno);
  if (route == SK_LOOKUP)
    look_up (test, fd, test->control ? (in_port_t) (listener_port + 1) : 0);
  return fd;
}
