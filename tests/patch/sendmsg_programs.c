/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What BPF programs for sendmsg make of datagrams to port 0 and to another
   port, on unconnected and on connected UDP sockets.

   Usage: sendmsg_programs FOLDER.  Prints "PROGRAM FAMILY HOW PORT: OUTCOME", a
   line for each; OUTCOME is the port that the datagram arrived at, or an error.
   For root in a guest: the programs are attached to the root of the control
   groups, which is mounted in FOLDER.  */

#define _GNU_SOURCE
#include "harness.h"

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum
{
  OTHER = 4242
};

static const enum bpf_attach_type hooks[]
    = { BPF_CGROUP_UDP4_SENDMSG, BPF_CGROUP_UDP6_SENDMSG };

struct destination
{
  const char *name;
  const char *address;
  int family;
};

static const struct destination destinations[]
    = { { "IPv4", "127.0.0.1", AF_INET },
        { "IPv6", "::1", AF_INET6 },
        { "IPv4-mapped", "::ffff:127.0.0.1", AF_INET6 } };

static int
bpf (int command, union bpf_attr *attributes)
{
  return (int) syscall (SYS_bpf, command, attributes, sizeof *attributes);
}

/* Load a program for a HOOK: it turns the port FROM into TO, unless they are
   the same, and returns VERDICT (1: send, 0: EPERM).  */
static int
load (enum bpf_attach_type hook, uint16_t from, uint16_t to, int verdict)
{
  const short port = offsetof (struct bpf_sock_addr, user_port);
  const struct bpf_insn program[] = {
    /* r2 = the port.  If it is not FROM, leave it.  */
    { .code = BPF_LDX | BPF_MEM | BPF_W,
      .dst_reg = 2,
      .src_reg = 1,
      .off = port },
    { .code = BPF_JMP | BPF_JNE | BPF_K,
      .dst_reg = 2,
      .imm = htons (from),
      .off = 2 },
    { .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 3, .imm = htons (to) },
    { .code = BPF_STX | BPF_MEM | BPF_W,
      .dst_reg = 1,
      .src_reg = 3,
      .off = port },
    { .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = verdict },
    { .code = BPF_JMP | BPF_EXIT },
  };
  /* The last two instructions are a program that changes nothing.  */
  const size_t skipped = from == to ? 4 : 0;
  union bpf_attr attributes;
  memset (&attributes, 0, sizeof attributes);
  attributes.prog_type = BPF_PROG_TYPE_CGROUP_SOCK_ADDR;
  attributes.expected_attach_type = hook;
  attributes.insns = (uintptr_t) (program + skipped);
  attributes.insn_cnt = sizeof program / sizeof *program - skipped;
  attributes.license = (uintptr_t) "GPL";
  int fd = bpf (BPF_PROG_LOAD, &attributes);
  if (fd < 0)
    err (BROKEN, "BPF_PROG_LOAD");
  return fd;
}

static void
attach (int command, int group, int program, enum bpf_attach_type hook)
{
  union bpf_attr attributes;
  memset (&attributes, 0, sizeof attributes);
  attributes.target_fd = (uint32_t) group;
  attributes.attach_bpf_fd = (uint32_t) program;
  attributes.attach_type = hook;
  if (bpf (command, &attributes) != 0)
    err (BROKEN, "BPF_PROG_ATTACH or BPF_PROG_DETACH");
}

/* A raw socket that sees every UDP datagram that arrives over FAMILY.  */
static int
open_witness (int family)
{
  int fd = socket (family, SOCK_RAW, IPPROTO_UDP);
  if (fd < 0)
    err (BROKEN, "raw socket");
  return fd;
}

/* Return the port that a datagram arrived at, or -1 if none did.  The loopback
   device delivers at once; the time is for machines that are busy.  */
static int
arrived_at (const int witness[2])
{
  struct pollfd ready[] = { { .fd = witness[0], .events = POLLIN },
                            { .fd = witness[1], .events = POLLIN } };
  if (poll (ready, 2, 100000) <= 0)
    return -1;
  unsigned char packet[256];
  struct udphdr header;
  /* Of IPv6, raw sockets do not show the header.  */
  const size_t before
      = (ready[0].revents & POLLIN) != 0 ? sizeof (struct iphdr) : 0;
  int fd = witness[before != 0 ? 0 : 1];
  ssize_t length = recv (fd, packet, sizeof packet, 0);
  if (length < (ssize_t) (before + sizeof header))
    return -1;
  memcpy (&header, packet + before, sizeof header);
  return ntohs (header.dest);
}

static void
print_outcome (ssize_t sent, const int witness[2])
{
  if (sent < 0)
    printf ("%s\n", strerrorname_np (errno));
  else
    printf ("%d\n", arrived_at (witness));
}

/* Send to both ports of all destinations, in both ways.  */
static void
send_all (const char *program, const int witness[2])
{
  for (size_t d = 0; d < sizeof destinations / sizeof *destinations; d++)
    for (int i = 0; i < 2; i++)
      {
        const struct destination *to = &destinations[d];
        const uint16_t port = i == 0 ? 0 : OTHER;
        struct sockaddr_in v4
            = { .sin_family = AF_INET, .sin_port = htons (port) };
        struct sockaddr_in6 v6
            = { .sin6_family = AF_INET6, .sin6_port = htons (port) };
        const bool ipv6 = to->family == AF_INET6;
        const struct sockaddr *name
            = ipv6 ? (struct sockaddr *) &v6 : (struct sockaddr *) &v4;
        const socklen_t length = ipv6 ? sizeof v6 : sizeof v4;
        inet_pton (to->family, to->address,
                   ipv6 ? (void *) &v6.sin6_addr : (void *) &v4.sin_addr);
        int fd = socket (to->family, SOCK_DGRAM, 0);
        printf ("%s %s sendto %d: ", program, to->name, port);
        print_outcome (sendto (fd, "", 1, 0, name, length), witness);
        close (fd);
        fd = socket (to->family, SOCK_DGRAM, 0);
        if (connect (fd, name, length) != 0)
          err (BROKEN, "connect");
        printf ("%s %s send %d: ", program, to->name, port);
        print_outcome (send (fd, "", 1, 0), witness);
        close (fd);
      }
}

static int
open_group (const char *folder, const char *name)
{
  char path[4096];
  snprintf (path, sizeof path, "%s/%s", folder, name);
  mkdir (path, 0755);
  int fd = open (path, O_RDONLY | O_DIRECTORY);
  if (fd < 0)
    err (BROKEN, "%s", path);
  return fd;
}

int
main (int argc, char **argv)
{
  if (argc != 2)
    errx (BROKEN, "usage: sendmsg_programs FOLDER");
  if (mount ("none", argv[1], "cgroup2", 0, NULL) != 0)
    err (BROKEN, "mount cgroup2");
  const int root = open_group (argv[1], ".");
  const int witness[] = { open_witness (AF_INET), open_witness (AF_INET6) };
  const struct
  {
    const char *name;
    int group;
    uint16_t from, to;
    int verdict;
  } programs[] = {
    /* A program in a group that nobody is in: its hook is on for all.  */
    { "elsewhere", open_group (argv[1], "empty"), 0, 0, 0 },
    { "allow", root, 0, 0, 1 },
    { "deny", root, 0, 0, 0 },
    { "into-0", root, OTHER, 0, 1 },
    { "from-0", root, 0, OTHER, 1 },
  };

  setvbuf (stdout, NULL, _IOLBF, 0);
  send_all ("none", witness);
  for (size_t p = 0; p < sizeof programs / sizeof *programs; p++)
    {
      int loaded[2];
      for (int h = 0; h < 2; h++)
        {
          loaded[h] = load (hooks[h], programs[p].from, programs[p].to,
                            programs[p].verdict);
          attach (BPF_PROG_ATTACH, programs[p].group, loaded[h], hooks[h]);
        }
      send_all (programs[p].name, witness);
      for (int h = 0; h < 2; h++)
        attach (BPF_PROG_DETACH, programs[p].group, loaded[h], hooks[h]);
    }
  return 0;
}
