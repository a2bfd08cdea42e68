/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* BPF programs, by the system call alone: they are a few instructions each.
   An attached program ends with its descriptor.  */

#define _GNU_SOURCE
#include "files.h"
#include "network.h"
#include "runner.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#define INSTRUCTION(code_, destination, source, offset, value)                 \
  ((struct bpf_insn){ .code = (code_),                                         \
                      .dst_reg = (destination),                                \
                      .src_reg = (source),                                     \
                      .off = (short) (offset),                                 \
                      .imm = (value) })
#define MOVE(to, from) INSTRUCTION (BPF_ALU64 | BPF_MOV | BPF_X, to, from, 0, 0)
#define SET(to, value)                                                         \
  INSTRUCTION (BPF_ALU64 | BPF_MOV | BPF_K, to, 0, 0, value)
#define LOAD(to, from, offset)                                                 \
  INSTRUCTION (BPF_LDX | BPF_MEM | BPF_W, to, from, offset, 0)
#define STORE(to, offset, from)                                                \
  INSTRUCTION (BPF_STX | BPF_MEM | BPF_W, to, from, offset, 0)
#define LOAD_POINTER(to, from, offset)                                         \
  INSTRUCTION (BPF_LDX | BPF_MEM | BPF_DW, to, from, offset, 0)
#define STORE_HALF(to, offset, from)                                           \
  INSTRUCTION (BPF_STX | BPF_MEM | BPF_H, to, from, offset, 0)
#define UNLESS_EQUAL(a, value, skipped)                                        \
  INSTRUCTION (BPF_JMP | BPF_JNE | BPF_K, a, 0, skipped, value)
#define IF_EQUAL(a, value, skipped)                                            \
  INSTRUCTION (BPF_JMP | BPF_JEQ | BPF_K, a, 0, skipped, value)
#define CALL_HELPER(helper) INSTRUCTION (BPF_JMP | BPF_CALL, 0, 0, 0, helper)
#define EXIT INSTRUCTION (BPF_JMP | BPF_EXIT, 0, 0, 0, 0)

static int
bpf (int command, union bpf_attr *attributes)
{
  return (int) syscall (SYS_bpf, command, attributes, sizeof *attributes);
}

/* End the variant for want of what BPF needs.  */
_Noreturn static void
without (struct test *test, const char *what, const char *option)
{
  char missing[200];
  if (errno == EPERM || errno == EACCES)
    snprintf (missing, sizeof missing, "CAP_BPF and CAP_NET_ADMIN, for %s",
              what);
  else if (errno == ENOSYS || errno == EINVAL || errno == EOPNOTSUPP
           || errno == ENOTSUP)
    snprintf (missing, sizeof missing, "%s, for %s", option, what);
  else
    broken (test, what, errno);
  skip (test, missing);
}

static int
load (struct test *test, int type, int attach_type,
      const struct bpf_insn *instructions, size_t count, const char *option)
{
  union bpf_attr a;
  static char log[1 << 16];
  memset (&a, 0, sizeof a);
  a.prog_type = (unsigned) type;
  a.expected_attach_type = (unsigned) attach_type;
  a.insns = (unsigned long) instructions;
  a.insn_cnt = (unsigned) count;
  a.license = (unsigned long) "GPL";
  a.log_buf = (unsigned long) log;
  a.log_size = sizeof log;
  a.log_level = 1;
  log[0] = 0;
  int program = bpf (BPF_PROG_LOAD, &a);
  if (program < 0 && log[0] != 0)
    {
      /* The verifier's word on our mistake is in its last lines.  */
      size_t length = strlen (log);
      broken (test, length > 150 ? log + length - 150 : log, errno);
    }
  if (program < 0)
    without (test, "a BPF program", option);
  return program;
}

static void
attach (struct test *test, int program, int target, int attach_type,
        const char *option)
{
  union bpf_attr a;
  memset (&a, 0, sizeof a);
  a.link_create.prog_fd = (unsigned) program;
  a.link_create.target_fd = (unsigned) target;
  a.link_create.attach_type = (unsigned) attach_type;
  if (bpf (BPF_LINK_CREATE, &a) < 0)
    without (test, "attaching a BPF program", option);
}

void
look_up (struct test *test, int fd, in_port_t port)
{
  union bpf_attr a;
  memset (&a, 0, sizeof a);
  a.map_type = BPF_MAP_TYPE_SOCKMAP;
  a.key_size = sizeof (int);
  a.value_size = sizeof (unsigned long long);
  a.max_entries = 1;
  int map = bpf (BPF_MAP_CREATE, &a);
  if (map < 0)
    without (test, "a map of sockets", "CONFIG_BPF_SYSCALL and CONFIG_NET");
  unsigned key = 0;
  unsigned long long value = (unsigned long long) fd;
  memset (&a, 0, sizeof a);
  a.map_fd = (unsigned) map;
  a.key = (unsigned long) &key;
  a.value = (unsigned long) &value;
  if (bpf (BPF_MAP_UPDATE_ELEM, &a) != 0)
    without (test, "a socket of this protocol in a BPF map",
             "support for this protocol in BPF_MAP_TYPE_SOCKMAP");
  const struct bpf_insn program[] = {
    MOVE (BPF_REG_6, BPF_REG_1),
    LOAD (BPF_REG_2, BPF_REG_6, offsetof (struct bpf_sk_lookup, local_port)),
    UNLESS_EQUAL (BPF_REG_2, port, 15),
    SET (BPF_REG_2, 0),
    STORE (BPF_REG_10, -4, BPF_REG_2),
    INSTRUCTION (BPF_LD | BPF_DW | BPF_IMM, BPF_REG_1, BPF_PSEUDO_MAP_FD, 0,
                 map),
    INSTRUCTION (0, 0, 0, 0, 0),
    MOVE (BPF_REG_2, BPF_REG_10),
    INSTRUCTION (BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_2, 0, 0, -4),
    CALL_HELPER (BPF_FUNC_map_lookup_elem),
    IF_EQUAL (BPF_REG_0, 0, 7),
    MOVE (BPF_REG_7, BPF_REG_0),
    MOVE (BPF_REG_1, BPF_REG_6),
    MOVE (BPF_REG_2, BPF_REG_7),
    SET (BPF_REG_3, 0),
    CALL_HELPER (BPF_FUNC_sk_assign),
    MOVE (BPF_REG_1, BPF_REG_7),
    CALL_HELPER (BPF_FUNC_sk_release),
    SET (BPF_REG_0, SK_PASS),
    EXIT,
  };
  const char *option = "CONFIG_BPF_SYSCALL with sk_lookup (Linux 5.9)";
  int loaded = load (test, BPF_PROG_TYPE_SK_LOOKUP, BPF_SK_LOOKUP, program,
                     sizeof program / sizeof *program, option);
  int network = open ("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  attach (test, loaded, network, BPF_SK_LOOKUP, option);
}

/* The root of a cgroup hierarchy that nobody else uses.  */
static int
own_cgroups (struct test *test)
{
  static bool is_mounted;
  if (!is_mounted)
    {
      FILE *mounts = fopen ("/proc/self/mounts", "re");
      char line[4096];
      while (mounts != NULL && fgets (line, sizeof line, mounts) != NULL)
        if (strstr (line, " cgroup2 ") != NULL)
          skip (test, "a cgroup2 hierarchy of its own: this system uses it");
      own_mounts (test);
      if (mount ("cgroup2", "/sys/fs/cgroup", "cgroup2", 0, NULL) != 0)
        {
          if (errno == ENOENT || errno == ENODEV)
            skip (test, "cgroup2 in this kernel (CONFIG_CGROUPS)");
          broken (test, "mounting cgroup2", errno);
        }
      is_mounted = true;
    }
  int fd = open ("/sys/fs/cgroup", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0)
    broken (test, "/sys/fs/cgroup", errno);
  return fd;
}

void
policy (struct test *test, int attach_type, enum verdict verdict,
        in_port_t from, in_port_t to)
{
  int cgroups = own_cgroups (test);
  const int port = offsetof (struct bpf_sock_addr, user_port);
  struct bpf_insn program[] = {
    LOAD (BPF_REG_2, BPF_REG_1, port),
    UNLESS_EQUAL (BPF_REG_2, htons (from), 2),
    SET (BPF_REG_3, htons (to)),
    STORE (BPF_REG_1, port, BPF_REG_3),
    SET (BPF_REG_0, verdict != DENY),
    EXIT,
  };
  /* A program without the rewriting changes nothing, not even to itself.  */
  size_t first = verdict == REWRITE ? 0 : 4;
  const char *option = "CONFIG_CGROUP_BPF";
  int loaded = load (test, BPF_PROG_TYPE_CGROUP_SOCK_ADDR, attach_type,
                     program + first, sizeof program / sizeof *program - first,
                     option);
  attach (test, loaded, cgroups, attach_type, option);
}

void
policy_for_peername (struct test *test)
{
  int cgroups = own_cgroups (test);
  /* The address is in network byte order, whichever half of the register its
     first half then is.  */
  const bool big_endian = htons (1) == 1;
  /* R6 the context, R7 its socket, R8 where the answer goes.  */
  const struct bpf_insn program[] = {
    MOVE (BPF_REG_6, BPF_REG_1),
    LOAD (BPF_REG_2, BPF_REG_6, offsetof (struct bpf_sockopt, optname)),
    UNLESS_EQUAL (BPF_REG_2, SO_PEERNAME, 24),
    LOAD_POINTER (BPF_REG_7, BPF_REG_6, offsetof (struct bpf_sockopt, sk)),
    IF_EQUAL (BPF_REG_7, 0, 22),
    LOAD_POINTER (BPF_REG_8, BPF_REG_6, offsetof (struct bpf_sockopt, optval)),
    LOAD_POINTER (BPF_REG_9, BPF_REG_6,
                  offsetof (struct bpf_sockopt, optval_end)),
    MOVE (BPF_REG_2, BPF_REG_8),
    INSTRUCTION (BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_2, 0, 0, 16),
    INSTRUCTION (BPF_JMP | BPF_JGT | BPF_X, BPF_REG_2, BPF_REG_9, 17, 0),
    /* By halves of words: on machines that want alignment, the buffer counts
       as aligned to those only.  */
    SET (BPF_REG_2, AF_INET),
    STORE_HALF (BPF_REG_8, 0, BPF_REG_2),
    INSTRUCTION (BPF_LDX | BPF_MEM | BPF_H, BPF_REG_2, BPF_REG_7,
                 offsetof (struct bpf_sock, dst_port), 0),
    STORE_HALF (BPF_REG_8, 2, BPF_REG_2),
    LOAD (BPF_REG_2, BPF_REG_7, offsetof (struct bpf_sock, dst_ip4)),
    STORE_HALF (BPF_REG_8, big_endian ? 6 : 4, BPF_REG_2),
    INSTRUCTION (BPF_ALU64 | BPF_RSH | BPF_K, BPF_REG_2, 0, 0, 16),
    STORE_HALF (BPF_REG_8, big_endian ? 4 : 6, BPF_REG_2),
    SET (BPF_REG_2, 0),
    STORE_HALF (BPF_REG_8, 8, BPF_REG_2),
    STORE_HALF (BPF_REG_8, 10, BPF_REG_2),
    STORE_HALF (BPF_REG_8, 12, BPF_REG_2),
    STORE_HALF (BPF_REG_8, 14, BPF_REG_2),
    SET (BPF_REG_2, sizeof (struct sockaddr_in)),
    STORE (BPF_REG_6, offsetof (struct bpf_sockopt, optlen), BPF_REG_2),
    SET (BPF_REG_2, 0),
    STORE (BPF_REG_6, offsetof (struct bpf_sockopt, retval), BPF_REG_2),
    SET (BPF_REG_0, 1),
    EXIT,
  };
  const char *option = "CONFIG_CGROUP_BPF";
  int loaded = load (test, BPF_PROG_TYPE_CGROUP_SOCKOPT, BPF_CGROUP_GETSOCKOPT,
                     program, sizeof program / sizeof *program, option);
  attach (test, loaded, cgroups, BPF_CGROUP_GETSOCKOPT, option);
}
