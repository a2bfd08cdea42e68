/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See steer_lookup.h.  */

#define _GNU_SOURCE
#include "steer_lookup.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The sockets that packets for port 0 go to, by protocol and family.  */
enum
{
  KEY_IPV6 = 1,
  KEY_UDP = 2,
  KEYS = 4
};

static int map_fd = -1;
static in_port_t listener_port; /* In network byte order.  */

static int
bpf (int command, union bpf_attr *attributes)
{
  return (int) syscall (SYS_bpf, command, attributes, sizeof *attributes);
}

#define INSTRUCTION(c, d, s, o, i)                                             \
  {                                                                            \
    .code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i)        \
  }
#define MOVE(to, from) INSTRUCTION (BPF_ALU64 | BPF_MOV | BPF_X, to, from, 0, 0)
#define SET(to, value)                                                         \
  INSTRUCTION (BPF_ALU64 | BPF_MOV | BPF_K, to, 0, 0, value)
#define ADD(to, value)                                                         \
  INSTRUCTION (BPF_ALU64 | BPF_ADD | BPF_K, to, 0, 0, value)
#define CONTEXT(to, member)                                                    \
  INSTRUCTION (BPF_LDX | BPF_MEM | BPF_W, to, BPF_REG_6,                       \
               offsetof (struct bpf_sk_lookup, member), 0)
#define SKIP_UNLESS(reg, value, count)                                         \
  INSTRUCTION (BPF_JMP | BPF_JNE | BPF_K, reg, 0, count, value)
#define CALL(function) INSTRUCTION (BPF_JMP | BPF_CALL, 0, 0, 0, function)

/* Load the program, return its descriptor.  */
static int
load_program (void)
{
  const struct bpf_insn program[] = {
    MOVE (BPF_REG_6, BPF_REG_1),
    CONTEXT (BPF_REG_2, local_port),
    SKIP_UNLESS (BPF_REG_2, 0, 21),
    SET (BPF_REG_4, 0),
    CONTEXT (BPF_REG_3, protocol),
    SKIP_UNLESS (BPF_REG_3, IPPROTO_UDP, 1),
    ADD (BPF_REG_4, KEY_UDP),
    CONTEXT (BPF_REG_3, family),
    SKIP_UNLESS (BPF_REG_3, AF_INET6, 1),
    ADD (BPF_REG_4, KEY_IPV6),
    INSTRUCTION (BPF_STX | BPF_MEM | BPF_W, BPF_REG_10, BPF_REG_4, -4, 0),
    INSTRUCTION (BPF_LD | BPF_DW | BPF_IMM, BPF_REG_1, BPF_PSEUDO_MAP_FD, 0,
                 map_fd),
    INSTRUCTION (0, 0, 0, 0, 0),
    MOVE (BPF_REG_2, BPF_REG_10),
    ADD (BPF_REG_2, -4),
    CALL (BPF_FUNC_map_lookup_elem),
    INSTRUCTION (BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_0, 0, 7, 0),
    MOVE (BPF_REG_7, BPF_REG_0),
    MOVE (BPF_REG_1, BPF_REG_6),
    MOVE (BPF_REG_2, BPF_REG_7),
    SET (BPF_REG_3, 0),
    CALL (BPF_FUNC_sk_assign),
    MOVE (BPF_REG_1, BPF_REG_7),
    CALL (BPF_FUNC_sk_release),
    SET (BPF_REG_0, SK_PASS),
    INSTRUCTION (BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
  };
  union bpf_attr attributes = {
    .prog_type = BPF_PROG_TYPE_SK_LOOKUP,
    .expected_attach_type = BPF_SK_LOOKUP,
    .insns = (uintptr_t) program,
    .insn_cnt = sizeof program / sizeof program[0],
    .license = (uintptr_t) "LGPL",
  };
  return bpf (BPF_PROG_LOAD, &attributes);
}

const char *
lookup_begin (int listener)
{
  listener_port = htons ((in_port_t) listener);
  union bpf_attr map = { .map_type = BPF_MAP_TYPE_SOCKMAP,
                         .key_size = sizeof (uint32_t),
                         .value_size = sizeof (uint64_t),
                         .max_entries = KEYS };
  map_fd = bpf (BPF_MAP_CREATE, &map);
  if (map_fd < 0)
    return "a BPF map of sockets (it takes root and CONFIG_BPF_SYSCALL)";
  int program = load_program ();
  if (program < 0)
    return "a BPF program for the lookup of sockets";
  int network = open ("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  union bpf_attr link = { .link_create.prog_fd = (uint32_t) program,
                          .link_create.target_fd = (uint32_t) network,
                          .link_create.attach_type = BPF_SK_LOOKUP };
  /* Its descriptor stays open, and the program attached, until we end;
     exec() closes it, as all of BPF's.  */
  if (bpf (BPF_LINK_CREATE, &link) < 0)
    return "attaching a BPF program to the network namespace";
  close (network);
  close (program);
  return NULL;
}

int
lookup_trap (int channel)
{
  struct sock_filter rules[] = {
    BPF_STMT (BPF_LD | BPF_W | BPF_ABS, offsetof (struct seccomp_data, arch)),
    /* Of other architectures, nothing is known: not steered.  */
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0, 4),
    BPF_STMT (BPF_LD | BPF_W | BPF_ABS, offsetof (struct seccomp_data, nr)),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, SYS_listen, 1, 0),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, SYS_bind, 0, 1),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog filter
      = { .len = sizeof rules / sizeof rules[0], .filter = rules };
  int trapped = (int) syscall (SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                               SECCOMP_FILTER_FLAG_NEW_LISTENER, &filter);
  if (trapped < 0)
    return -1;
  char byte = 0;
  struct iovec data = { .iov_base = &byte, .iov_len = 1 };
  union
  {
    struct cmsghdr header;
    char room[CMSG_SPACE (sizeof trapped)];
  } control = { 0 };
  struct msghdr message = { .msg_iov = &data,
                            .msg_iovlen = 1,
                            .msg_control = control.room,
                            .msg_controllen = sizeof control.room };
  control.header.cmsg_level = SOL_SOCKET;
  control.header.cmsg_type = SCM_RIGHTS;
  control.header.cmsg_len = CMSG_LEN (sizeof trapped);
  memcpy (CMSG_DATA (&control.header), &trapped, sizeof trapped);
  int sent = (int) sendmsg (channel, &message, 0);
  close (trapped);
  return sent == 1 ? 0 : -1;
}

int
lookup_take (int channel)
{
  char byte;
  struct iovec data = { .iov_base = &byte, .iov_len = 1 };
  int trapped = -1;
  union
  {
    struct cmsghdr header;
    char room[CMSG_SPACE (sizeof trapped)];
  } control = { 0 };
  struct msghdr message = { .msg_iov = &data,
                            .msg_iovlen = 1,
                            .msg_control = control.room,
                            .msg_controllen = sizeof control.room };
  if (recvmsg (channel, &message, MSG_CMSG_CLOEXEC) == 1
      && message.msg_controllen >= sizeof control.header
      && control.header.cmsg_type == SCM_RIGHTS)
    memcpy (&trapped, CMSG_DATA (&control.header), sizeof trapped);
  return trapped;
}

/* The descriptor FD of the thread TASK, duplicated here.  */
static int
duplicate (uint32_t task, int fd)
{
  char path[64], line[256];
  long process = -1;
  snprintf (path, sizeof path, "/proc/%u/status", task);
  FILE *status = fopen (path, "re");
  if (status == NULL)
    return -1;
  while (process < 0 && fgets (line, sizeof line, status) != NULL)
    if (strncmp (line, "Tgid:", 5) == 0)
      process = strtol (line + 5, NULL, 10);
  fclose (status);
  int pidfd = (int) syscall (SYS_pidfd_open, process, 0);
  if (pidfd < 0)
    return -1;
  int ours = (int) syscall (SYS_pidfd_getfd, pidfd, fd, 0);
  close (pidfd);
  return ours;
}

static int
option (int fd, int level, int name)
{
  int value = -1;
  socklen_t size = sizeof value;
  return getsockopt (fd, level, name, &value, &size) == 0 ? value : -1;
}

/* Have packets for port 0 go to a socket, if it is at the listener's port.  */
static void
steer_to (int fd)
{
  struct sockaddr_in6 own = { 0 };
  socklen_t size = sizeof own;
  int protocol = option (fd, SOL_SOCKET, SO_PROTOCOL);
  if (getsockname (fd, (struct sockaddr *) &own, &size) != 0
      || (own.sin6_family != AF_INET && own.sin6_family != AF_INET6)
      || own.sin6_port != listener_port /* At the same place in both.  */
      || (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP))
    return;
  bool ipv6 = own.sin6_family == AF_INET6;
  for (uint32_t key = 0; key < KEYS; key++)
    {
      bool wanted = ipv6 ? (key & KEY_IPV6) != 0
                               || option (fd, IPPROTO_IPV6, IPV6_V6ONLY) == 0
                         : (key & KEY_IPV6) == 0;
      uint64_t value = (uint64_t) fd;
      union bpf_attr update = { .map_fd = (uint32_t) map_fd,
                                .key = (uintptr_t) &key,
                                .value = (uintptr_t) &value };
      if (wanted && (protocol == IPPROTO_UDP) == ((key & KEY_UDP) != 0))
        bpf (BPF_MAP_UPDATE_ELEM, &update);
    }
}

/* Not process_vm_readv(), which a guest's kernel may do without.  */
static bool
read_memory (uint32_t task, uint64_t from, void *to, size_t size)
{
  char path[64];
  snprintf (path, sizeof path, "/proc/%u/mem", task);
  int fd = open (path, O_RDONLY | O_CLOEXEC);
  bool all = fd >= 0 && pread (fd, to, size, (off_t) from) == (ssize_t) size;
  if (fd >= 0)
    close (fd);
  return all;
}

/* Bind a datagram socket in the caller's place, if that is to the listener's
   port.  Return false if the caller is to do it by itself.  */
static bool
bind_for (const struct seccomp_notif *call, int fd, int *error_number)
{
  struct sockaddr_storage address = { 0 };
  size_t size = call->data.args[2];
  if (size < sizeof (sa_family_t) || size > sizeof address
      || ntohs (listener_port) < IPPORT_RESERVED
      || option (fd, SOL_SOCKET, SO_PROTOCOL) != IPPROTO_UDP)
    return false;
  if (!read_memory (call->pid, call->data.args[1], &address, size)
      || (address.ss_family != AF_INET && address.ss_family != AF_INET6)
      || ((struct sockaddr_in *) &address)->sin_port != listener_port)
    return false;
  *error_number = bind (fd, (struct sockaddr *) &address, (socklen_t) size) != 0
                      ? errno
                      : 0;
  return true;
}

void
lookup_answer (int trapped)
{
  /* The kernel's may be longer than what we know of.  */
  union
  {
    struct seccomp_notif call;
    char room[512];
  } got;
  union
  {
    struct seccomp_notif_resp answer;
    char room[512];
  } given;
  memset (&got, 0, sizeof got);
  memset (&given, 0, sizeof given);
  if (ioctl (trapped, SECCOMP_IOCTL_NOTIF_RECV, &got) != 0)
    return; /* The caller has gone.  */
  given.answer.id = got.call.id;
  given.answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
  int fd = duplicate (got.call.pid, (int) got.call.data.args[0]);
  /* Is FD still that of whoever called?  */
  if (fd >= 0
      && ioctl (trapped, SECCOMP_IOCTL_NOTIF_ID_VALID, &got.call.id) == 0)
    {
      int error_number = 0;
      bool done = false;
      if (got.call.data.nr == SYS_bind)
        done = bind_for (&got.call, fd, &error_number);
      else if (option (fd, SOL_SOCKET, SO_PROTOCOL) == IPPROTO_TCP)
        {
          done = true;
          if (listen (fd, (int) got.call.data.args[1]) != 0)
            error_number = errno;
        }
      if (done)
        {
          given.answer.flags = 0;
          given.answer.error = -error_number;
          if (error_number == 0)
            steer_to (fd);
        }
    }
  if (fd >= 0)
    close (fd);
  ioctl (trapped, SECCOMP_IOCTL_NOTIF_SEND, &given);
}
