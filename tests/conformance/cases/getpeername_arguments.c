/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The arguments of getpeername() mean the same at port 0 as elsewhere.  */

#define _GNU_SOURCE
#include "case.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

CASE (getpeername, truncation,
      .question = "Is a name at port 0 cut to the length the caller gave?",
      .basis = "POSIX.1-2017 getpeername(), DESCRIPTION: a longer address is "
               "truncated; the length is that of the address",
      .families = ANY_FAMILY, .protocols = ANY_PROTOCOL, .needs = STEERING)
{
  listener (test);
  int fd = connected_socket (test);
  for (int size = 0; size <= (int) test->peer.length + 1; size++)
    {
      char step[40];
      snprintf (step, sizeof step, "%d bytes", size);
      observe_getpeername_sized (test, step, fd, size, name (&test->peer));
    }
}

/* A page that a call must not touch, or not write to.  */
static char *
page (struct test *test, int protection)
{
  char *page = mmap (NULL, (size_t) sysconf (_SC_PAGESIZE), protection,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED)
    broken (test, "mmap", errno);
  return page;
}

CASE (getpeername, arguments,
      .question = "Are bad arguments reported at port 0, without a crash?",
      .basis = "POSIX.1-2017 getpeername(), ERRORS: [EINVAL]; Linux "
               "getpeername(2): EFAULT",
      .families = ANY_FAMILY, .protocols = ANY_PROTOCOL, .needs = STEERING)
{
  listener (test);
  int fd = connected_socket (test);
  char *forbidden = page (test, PROT_NONE);
  char *read_only = page (test, PROT_READ);
  struct name peer = { .length = 0 };

  observe_getpeername_arguments (test, "null address of length 0", fd, NULL,
                                 &peer.length, result (0));
  observe_value (test, "length for a null address", "length",
                 (long) peer.length, result ((long) test->peer.length));
  observe_getpeername_arguments (test, "negative length", fd, &peer.storage,
                                 &(socklen_t){ (socklen_t) -1 },
                                 error (EINVAL));
  observe_getpeername_arguments (test, "null address", fd, NULL,
                                 &(socklen_t){ sizeof peer.storage },
                                 error (EFAULT));
  observe_getpeername_arguments (test, "forbidden address", fd, forbidden,
                                 &(socklen_t){ sizeof peer.storage },
                                 error (EFAULT));
  observe_getpeername_arguments (test, "read-only address", fd, read_only,
                                 &(socklen_t){ sizeof peer.storage },
                                 error (EFAULT));
  observe_getpeername_arguments (test, "null length", fd, &peer.storage, NULL,
                                 error (EFAULT));
  observe_getpeername_arguments (test, "forbidden length", fd, &peer.storage,
                                 forbidden, error (EFAULT));
  observe_getpeername_arguments (test, "read-only length", fd, &peer.storage,
                                 read_only, error (EFAULT));
  observe_getpeername_arguments (
      test, "misaligned", fd, (char *) &peer.storage + 1,
      memset (page (test, PROT_READ | PROT_WRITE) + 1, 0, 4), result (0));
}

CASE (getpeername, arguments_without_peer,
      .question = "Does having no peer come before bad arguments?",
      .basis = "No standard; Linux's order (__sys_getpeername())",
      .families = ANY_FAMILY, .protocols = ANY_PROTOCOL)
{
  int fd = new_socket (test);
  observe_getpeername_arguments (test, "null length", fd, NULL, NULL,
                                 error (ENOTCONN));
  observe_getpeername_arguments (test, "negative length", fd, NULL,
                                 &(socklen_t){ (socklen_t) -1 },
                                 error (ENOTCONN));
}
