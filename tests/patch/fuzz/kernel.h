/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What getpeername-port0.c of the glibc series takes from the inside of the C
   library, so that it can be compiled, unchanged, outside of it: its system
   calls are functions here.  recorder.c passes them on to the kernel and
   keeps a record; fuzz.c answers them from such a record. */

#ifndef KERNEL_H
#define KERNEL_H

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>

/* What is true of the socket that is asked for its peer, at the beginning of
   each record.  Ports and addresses are in network byte order.  */
struct truth
{
  uint8_t is_accept; /* The call is accept(), else getpeername().  */
  uint8_t is_reset;  /* SO_PEERNAME has the peer, at another port.  */
  uint8_t is_inet6;  /* AF_INET6, else AF_INET.  */
  uint8_t protocol;  /* Index into PROTOCOLS.  */
  uint8_t state;     /* As in TCP_INFO.  */
  uint8_t given;     /* Size of the caller's buffer, in bytes.  */
  uint8_t replies;   /* What is wrong with all of them; 0: nothing.  */
  uint8_t unused;
  uint64_t cookie;
  uint32_t interface; /* Index of the interface it is bound to, or 0.  */
  uint32_t port;      /* Its own.  */
  uint8_t peer[16];
  uint8_t local[16];
};

#define PROTOCOLS                                                              \
  {                                                                            \
    IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDPLITE, IPPROTO_MPTCP                   \
  }

/* How a record goes on, for each system call: one byte below ODD if it does
   what it is meant to do.  A reply that was received follows as its size (two
   bytes, the lower first) and its bytes.  */
enum
{
  ODD = 0x80
};

int kernel_getsockopt (int fd, int level, int name, void *value,
                       socklen_t *size);
int kernel_getsockname (int fd, void *name, socklen_t *size);
int kernel_getpeername (int fd, void *name, socklen_t *size);
int kernel_socket (int family, int type, int protocol);
int kernel_sendto (int fd, const void *data, size_t size, int flags,
                   const void *name, socklen_t name_size);
int kernel_recvfrom (int fd, void *data, size_t size, int flags, void *name,
                     socklen_t *name_size);
int kernel_sigprocmask (int how, const sigset_t *set, sigset_t *old);
void kernel_close (int fd);

/* The functions that are tested.  */
extern int __port0_peers;
int __getpeername_failed (int fd, struct sockaddr *address, socklen_t *size,
                          int error_number);
int __accept_name_peer (int fd, struct sockaddr *address, socklen_t *size);

#define attribute_hidden
#define __set_errno(value) (errno = (value))
#define INTERNAL_SYSCALL_CALL(name, ...) kernel_##name (__VA_ARGS__)
#define INTERNAL_SYSCALL_ERROR_P(result) ((result) < 0)
#define INTERNAL_SYSCALL_ERRNO(result) (-(result))
#define __mmap(place, size, ...) malloc (size)
#define __munmap(place, size) free (place)
#define atomic_load_relaxed(place) (*(place))
#define atomic_store_relaxed(place, value) (*(place) = (value))
#define __close_nocancel_nostatus kernel_close
typedef sigset_t internal_sigset_t;
#define internal_sigfillset sigfillset
#define internal_sigdelset sigdelset
#define internal_sigprocmask kernel_sigprocmask
#define internal_signal_restore_set(set)                                       \
  kernel_sigprocmask (SIG_SETMASK, set, NULL)

#endif
