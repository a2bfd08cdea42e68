/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* getpeername(), accept() and accept4() as the patched glibc has them, over
   those of any libc (LD_PRELOAD).  What they do at port 0 is the series' own
   text; here is how it gets its turn.

   Each calls the next function of its name, the libc's or that of another
   preloaded library: so accept() is a cancellation point in the way of that
   libc, and whoever else stands between stays there.  */

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <sysdep.h>

#include <accept-port0.h>
#include <getpeername-port0.h>
#include <port0-peers.h>

#define EXPORTED __attribute__ ((visibility ("default")))

/* Under names of our own: glibc's declarations, but not musl's, have a union
   for the address.  */
EXPORTED int portzero_getpeername (int fd, struct sockaddr *addr,
                                   socklen_t *len) __asm__("getpeername");
EXPORTED int portzero_accept (int fd, struct sockaddr *addr,
                              socklen_t *len) __asm__("accept");
EXPORTED int portzero_accept4 (int fd, struct sockaddr *addr, socklen_t *len,
                               int flags) __asm__("accept4");

/* As in the patched glibc, 1 is what holds if nothing is set.  */
int __port0_peers = 1;

/* Looked up before main(), as dlsym() may take locks.  What calls before that
   is a constructor of another library: it gets the system call.  */
static int (*next_getpeername) (int, struct sockaddr *, socklen_t *);
static int (*next_accept) (int, struct sockaddr *, socklen_t *);
static int (*next_accept4) (int, struct sockaddr *, socklen_t *, int);

/* Set __port0_peers to VALUE, of which SIZE bytes count, if it is one.  */
static void
set_peers (const char *value, size_t size)
{
  if (size == 1 && value[0] >= '0' && value[0] <= '2')
    __port0_peers = value[0] - '0';
}

/* Read PORTZERO_PEERS=N or, without it, GLIBC_TUNABLES, in which the last of
   the same name holds.  Both not for set-user-ID programs.  */
void
__port0_peers_early_init (void)
{
  static const char name[] = "glibc.net.port0_peers=";
  const char *own = secure_getenv ("PORTZERO_PEERS");
  if (own != NULL)
    {
      set_peers (own, strlen (own));
      return;
    }
  const char *tunable = secure_getenv ("GLIBC_TUNABLES");
  while (tunable != NULL && *tunable != '\0')
    {
      size_t size = strcspn (tunable, ":");
      if (size >= sizeof name - 1
          && memcmp (tunable, name, sizeof name - 1) == 0)
        set_peers (tunable + sizeof name - 1, size - (sizeof name - 1));
      tunable += size;
      tunable += *tunable == ':';
    }
}

__attribute__ ((constructor)) static void
initialize (void)
{
  __port0_peers_early_init ();
  *(void **) &next_accept4 = dlsym (RTLD_NEXT, "accept4");
  *(void **) &next_accept = dlsym (RTLD_NEXT, "accept");
  *(void **) &next_getpeername = dlsym (RTLD_NEXT, "getpeername");
}

/* Return what a libc's function does for what the kernel answered.  */
static int
answer (long int result)
{
  if (__glibc_likely (!INTERNAL_SYSCALL_ERROR_P (result)))
    return (int) result;
  __set_errno (INTERNAL_SYSCALL_ERRNO (result));
  return -1;
}

int
portzero_getpeername (int fd, struct sockaddr *addr, socklen_t *len)
{
  int saved_errno = errno;
  int result = (next_getpeername != NULL
                    ? next_getpeername (fd, addr, len)
                    : answer (getpeername_syscall (fd, addr, len)));
  if (__glibc_likely (result == 0))
    return 0;
  int error = errno;
  __set_errno (saved_errno);
  return __getpeername_failed (fd, addr, len, error);
}

static int
call_accept4 (int fd, struct sockaddr *addr, socklen_t *len, int flags)
{
  return next_accept4 != NULL
             ? next_accept4 (fd, addr, len, flags)
             : answer (INTERNAL_SYSCALL_CALL (accept4, fd, addr, len, flags));
}

static int
call_accept (int fd, struct sockaddr *addr, socklen_t *len)
{
  return next_accept != NULL ? next_accept (fd, addr, len)
                             : call_accept4 (fd, addr, len, 0);
}

int
portzero_accept (int fd, struct sockaddr *addr, socklen_t *len)
{
  if (!accept_may_defer (addr) || !__accept_can_ask (fd))
    return call_accept (fd, addr, len);
  int accepted = call_accept (fd, NULL, NULL);
  return accepted < 0 ? accepted : __accept_name_peer (accepted, addr, len);
}

int
portzero_accept4 (int fd, struct sockaddr *addr, socklen_t *len, int flags)
{
  if (!accept_may_defer (addr) || !__accept_can_ask (fd))
    return call_accept4 (fd, addr, len, flags);
  int accepted = call_accept4 (fd, NULL, NULL, flags);
  return accepted < 0 ? accepted : __accept_name_peer (accepted, addr, len);
}
