/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Places of the libc's own where a port of 0 means something, or nothing:
   looking up names and services.  */

#define _GNU_SOURCE
#include "files.h"
#include "network.h"

#include <netdb.h>
#ifdef __GLIBC__
#include <nss.h>
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GETADDRINFO                                                            \
  "POSIX.1-2017 getaddrinfo(), DESCRIPTION: the service can be a decimal "     \
  "port number"

/* The port in question, and its text; the control is one of those that IANA
   gives no service.  */
static in_port_t
port_of (const struct test *test)
{
  return test->control ? 61234 : 0;
}

static const char *
text_of (const struct test *test)
{
  return test->control ? "61234" : "0";
}

/* The port that getaddrinfo() gives for a service, or -1 if it gives none.  */
static long
look_up (const char *node, const char *service, int flags, int type)
{
  struct addrinfo hints = { .ai_family = AF_INET,
                            .ai_socktype = type,
                            .ai_flags = flags | AI_NUMERICHOST };
  struct addrinfo *found;
  if (getaddrinfo (node, service, &hints, &found) != 0)
    return -1;
  struct name name = { 0 };
  memcpy (&name.storage, found->ai_addr, found->ai_addrlen);
  freeaddrinfo (found);
  return ntohs (name.in.sin_port);
}

CASE (getaddrinfo, service_zero,
      .question = "Is \"0\" a service like any other number?",
      .basis = GETADDRINFO, .families = NO_FAMILY, .protocols = NO_PROTOCOL,
      .entries = LIBC)
{
  const char *text = text_of (test);
  long port = port_of (test);
  observe_value (test, "stream", "port",
                 look_up ("127.0.0.1", text, 0, SOCK_STREAM), result (port));
  observe_value (test, "datagram", "port",
                 look_up ("127.0.0.1", text, 0, SOCK_DGRAM), result (port));
  observe_value (test, "AI_NUMERICSERV", "port",
                 look_up ("127.0.0.1", text, AI_NUMERICSERV, SOCK_STREAM),
                 result (port));
  observe_value (test, "AI_PASSIVE, no node", "port",
                 look_up (NULL, text, AI_PASSIVE, SOCK_STREAM), result (port));
  observe_value (
      test, "leading zeros", "port",
      look_up ("127.0.0.1", test->control ? "00061234" : "000", 0, SOCK_STREAM),
      result (port));
}

CASE (getaddrinfo, no_service,
      .question = "Is the port 0 if no service is asked?",
      .basis = "POSIX.1-2017 getaddrinfo(): without a service, no port is "
               "said; it is 0 everywhere",
      .families = NO_FAMILY, .protocols = NO_PROTOCOL, .entries = LIBC)
{
  observe_value (test, "", "port", look_up ("127.0.0.1", NULL, 0, SOCK_STREAM),
                 result (0));
}

CASE (getaddrinfo, no_port,
      .question = "Is a number that is no port refused, not cut to port 0?",
      .basis = GETADDRINFO "; ERRORS: [EAI_SERVICE], [EAI_NONAME]",
      .families = NO_FAMILY, .protocols = NO_PROTOCOL, .entries = LIBC)
{
  static const char *const numbers[] = { "65536", "131072", "4294967296" };
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
    {
      /* The control is what is no port for another reason.  */
      const char *service = test->control ? "no-such-service" : numbers[i];
      char step[60];
      observe_value (test, numbers[i], "port",
                     look_up ("127.0.0.1", service, 0, SOCK_STREAM),
                     result (-1));
      snprintf (step, sizeof step, "%s, AI_NUMERICSERV", numbers[i]);
      observe_value (
          test, step, "port",
          look_up ("127.0.0.1", service, AI_NUMERICSERV, SOCK_STREAM),
          result (-1));
    }
}

CASE (getaddrinfo, odd_numbers,
      .question = "Which spellings of 0 are a number?",
      .basis = "No standard: POSIX.1-2017 says decimal string, not which",
      .families = NO_FAMILY, .protocols = NO_PROTOCOL, .entries = LIBC)
{
  static const char *const zeros[] = { "-0", "+0", " 0", "0x0", "" };
  static const char *const ones[] = { "-1", "+1", " 1", "0x1", "" };
  for (size_t i = 0; i < sizeof zeros / sizeof *zeros; i++)
    {
      char step[40];
      snprintf (step, sizeof step, "'%s'", zeros[i]);
      observe_value (test, step, "is a number",
                     look_up ("127.0.0.1", test->control ? ones[i] : zeros[i],
                              0, SOCK_STREAM)
                         >= 0,
                     unspecified ());
    }
}

CASE (getaddrinfo, raw_socket,
      .question = "Is a service refused for raw sockets, which have no ports?",
      .basis = "POSIX.1-2017 getaddrinfo(), ERRORS: [EAI_SERVICE] not for "
               "this socket type",
      .families = NO_FAMILY, .protocols = NO_PROTOCOL, .entries = LIBC)
{
  observe_value (test, "", "port",
                 look_up ("127.0.0.1", text_of (test), 0, SOCK_RAW),
                 unspecified ());
}

/* Whether the first address of `port0.example` for a service is the one
   that can be reached, -1 if there are not two.  */
static int
is_reachable_first (const struct test *test, const char *service)
{
  struct addrinfo hints
      = { .ai_family = test->family->domain, .ai_socktype = SOCK_STREAM };
  struct addrinfo *found;
  if (getaddrinfo ("port0.example", service, &hints, &found) != 0)
    return -1;
  struct name name = { 0 };
  memcpy (&name.storage, found->ai_addr, found->ai_addrlen);
  bool are_two = found->ai_next != NULL;
  freeaddrinfo (found);
  bool is_here = test->family->domain == AF_INET
                     ? name.in.sin_addr.s_addr == htonl (INADDR_LOOPBACK)
                     : IN6_IS_ADDR_LOOPBACK (&name.in6.sin6_addr);
  return are_two ? is_here : -1;
}

CASE (getaddrinfo, reachable_first,
      .question = "Does a host's address that can be reached come first?",
      .basis = "RFC 6724 section 6, rule 1: avoid unusable destinations; glibc "
               "getaddrinfo() finds out by connect(), to the service's port; "
               "musl orders IPv6 addresses only",
      .families = IPV4 | IPV6, .protocols = NO_PROTOCOL, .entries = LIBC)
{
  own_network (test, "");
  /* Addresses for documentation: RFC 5737, RFC 3849.  */
  own_file (test, "/etc/hosts",
            "192.0.2.1 port0.example\n127.0.0.1 port0.example\n"
            "2001:db8::1 port0.example\n::1 port0.example\n");
#ifdef __GLIBC__
  if (__nss_configure_lookup ("hosts", "files") != 0)
    broken (test, "nsswitch", errno);
#endif
  struct answer standard
      = test->family->domain == AF_INET6 ? result (1) : unspecified ();
  const char *text = text_of (test);
  observe_value (test, "a number", "getaddrinfo",
                 is_reachable_first (test, text), standard);
  observe_value (test, "no service", "getaddrinfo",
                 is_reachable_first (test, test->control ? text : NULL),
                 standard);
}

CASE (getnameinfo, service_zero, .question = "Is the port 0 written as \"0\"?",
      .basis = "POSIX.1-2017 getnameinfo(): the numeric form, if there is no "
               "name",
      .families = NO_FAMILY, .protocols = NO_PROTOCOL, .entries = LIBC)
{
  static const struct
  {
    const char *step;
    int flags;
  } ways[] = { { "any form", 0 },
               { "numeric", NI_NUMERICSERV },
               { "datagram", NI_DGRAM },
               { "with a host", NI_NUMERICHOST } };
  struct sockaddr_in address = { .sin_family = AF_INET,
                                 .sin_port = htons (port_of (test)),
                                 .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
    {
      char host[100] = "", service[100] = "";
      bool with_host = ways[i].flags == NI_NUMERICHOST;
      int failed = getnameinfo (
          (struct sockaddr *) &address, sizeof address, with_host ? host : NULL,
          with_host ? sizeof host : 0, service, sizeof service, ways[i].flags);
      observe_value (test, ways[i].step, "getnameinfo",
                     failed ? failed : strcmp (service, text_of (test)),
                     result (0));
    }
}

CASE (getservbyport, zero, .question = "Has the port 0 no service's name?",
      .basis = "POSIX.1-2017 getservbyport(): a null pointer if there is none; "
               "IANA reserves port 0",
      .families = NO_FAMILY, .protocols = NO_PROTOCOL, .entries = LIBC)
{
  observe_value (test, "tcp", "found",
                 getservbyport (htons (port_of (test)), "tcp") != NULL,
                 result (0));
  observe_value (test, "any", "found",
                 getservbyport (htons (port_of (test)), NULL) != NULL,
                 result (0));
}

CASE (getservbyname, zero, .question = "Is \"0\" no service's name?",
      .basis = "POSIX.1-2017 getservbyname(): a name, not a number",
      .families = NO_FAMILY, .protocols = NO_PROTOCOL, .entries = LIBC)
{
  observe_value (test, "", "found",
                 getservbyname (text_of (test), NULL) != NULL, result (0));
}
