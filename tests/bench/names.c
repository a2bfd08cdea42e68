/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Times calls that ask for a peer.

   usage: names WHAT [SOCKETS]
   Prints the median processor time of one call in nanoseconds, over rounds of
   many.
   WHAT is one of the rows below.  SOCKETS more sockets of the same protocol
   are bound in the network namespace first.

   usage: names -n CALLS WHAT
   Makes so many calls, for a program that counts their instructions.  */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum
{
  ROUNDS = 31,
  FEW_ROUNDS = 5,     /* Of calls that take milliseconds.  */
  PER_PROCESS = 10000 /* Sockets of a crowd.  */
};

static struct sockaddr_in
loopback (in_port_t port)
{
  return (struct sockaddr_in){ .sin_family = AF_INET,
                               .sin_port = htons (port),
                               .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
}

static int
bound_at (int type, struct sockaddr_in name)
{
  int fd = socket (AF_INET, type, 0);
  if (bind (fd, (struct sockaddr *) &name, sizeof name) != 0)
    err (1, "bind");
  return fd;
}

static int
bound (int type)
{
  return bound_at (type, loopback (0));
}

/* As a server is that serves all addresses.  */
static int
bound_to_any (int type)
{
  return bound_at (type, (struct sockaddr_in){ .sin_family = AF_INET });
}

static int
bound_to_device (int type)
{
  int fd = bound (type);
  if (setsockopt (fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", sizeof "lo") != 0)
    err (1, "SO_BINDTODEVICE");
  return fd;
}

static int
bound6 (int type)
{
  struct sockaddr_in6 name
      = { .sin6_family = AF_INET6, .sin6_addr = in6addr_loopback };
  int fd = socket (AF_INET6, type, 0);
  if (bind (fd, (struct sockaddr *) &name, sizeof name) != 0)
    err (1, "bind");
  return fd;
}

static int
connected (int type, in_port_t port)
{
  struct sockaddr_in name = loopback (port);
  int fd = bound (type);
  if (type == SOCK_STREAM
      && setsockopt (fd, IPPROTO_TCP, TCP_REPAIR, &(int){ 1 }, sizeof (int))
             != 0)
    err (1, "TCP_REPAIR");
  if (connect (fd, (struct sockaddr *) &name, sizeof name) != 0)
    err (1, "connect");
  return fd;
}

static int fd;

/* The processor time of this process and of its children that have ended, in
   nanoseconds: a call's system calls run on its account, and others on the
   machine do not.  */
static double
now (void)
{
  struct timespec own;
  struct rusage children;
  clock_gettime (CLOCK_PROCESS_CPUTIME_ID, &own);
  getrusage (RUSAGE_CHILDREN, &children);
  return (double) (own.tv_sec + children.ru_utime.tv_sec
                   + children.ru_stime.tv_sec)
             * 1e9
         + (double) own.tv_nsec
         + (double) (children.ru_utime.tv_usec + children.ru_stime.tv_usec)
               * 1e3;
}

static void
ask (void)
{
  struct sockaddr_storage name;
  socklen_t size = sizeof name;
  getpeername (fd, (struct sockaddr *) &name, &size);
}

/* The floor: the same request to sock_diag, with nothing around it.  */
static int diag_protocol;

static void
dump (void)
{
  struct
  {
    struct nlmsghdr header;
    struct inet_diag_req_v2 inet;
    struct nlattr filter_header;
    struct inet_diag_bc_op condition;
    struct inet_diag_hostcond peer;
  } request = {
    .header = { .nlmsg_len = sizeof request,
                .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
    .inet = { .sdiag_family = AF_INET,
              .sdiag_protocol = (unsigned char) diag_protocol,
              .idiag_states = 1 << TCP_ESTABLISHED },
    .filter_header
    = { .nla_len = sizeof request.filter_header + sizeof request.condition
                   + sizeof request.peer,
        .nla_type = INET_DIAG_REQ_BYTECODE },
    .condition = { .code = INET_DIAG_BC_D_COND, .yes = 12, .no = 16 },
  };
  char reply[4096];
  int diag = socket (AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
  struct sockaddr_in name = { 0 };
  socklen_t size = sizeof name;
  getsockname (fd, (struct sockaddr *) &name, &size);
  request.inet.id.idiag_sport = name.sin_port;
  if (send (diag, &request, sizeof request, 0) < 0
      || recv (diag, reply, sizeof reply, 0) < 0)
    err (1, "sock_diag");
  close (diag);
}

static void
read_proc (void)
{
  static char text[1 << 16];
  FILE *table = fopen (
      diag_protocol == IPPROTO_TCP ? "/proc/net/tcp" : "/proc/net/udp", "r");
  if (table == NULL)
    err (1, "/proc/net");
  while (fread (text, 1, sizeof text, table) > 0)
    ;
  fclose (table);
}

static void
run_ss (void)
{
  /* As a script would do it.  NOLINTNEXTLINE(cert-env33-c)  */
  if (system (diag_protocol == IPPROTO_TCP ? "ss -tnH 'dport = :0' >/dev/null"
                                           : "ss -unH 'dport = :0' >/dev/null")
      != 0)
    errx (1, "ss");
}

/* Of two sockets that share address and port (SO_REUSEPORT), return the one
   that is the slower to ask: the kernel's exact look-up finds one only, which
   it chooses by a hash.  */
static int
sharing (int type)
{
  enum
  {
    CALLS = 64
  };
  struct sockaddr_in name = loopback (0);
  socklen_t size = sizeof name;
  double times[2];
  int fds[2];
  for (int i = 0; i < 2; i++)
    {
      fds[i] = socket (AF_INET, type, 0);
      if (setsockopt (fds[i], SOL_SOCKET, SO_REUSEPORT, &(int){ 1 },
                      sizeof (int))
              != 0
          || bind (fds[i], (struct sockaddr *) &name, size) != 0
          || getsockname (fds[i], (struct sockaddr *) &name, &size) != 0)
        err (1, "SO_REUSEPORT");
    }
  for (int i = 0; i < 2; i++)
    {
      fd = fds[i];
      ask ();
      double start = now ();
      for (int call = 0; call < CALLS; call++)
        ask ();
      times[i] = now () - start;
    }
  return fds[times[1] > times[0]];
}

static int server;

/* Make some connections, and return how long it takes to accept one of them,
   in nanoseconds.  */
static double
accept_some (bool with_address)
{
  enum
  {
    COUNT = 64
  };
  struct sockaddr_in at;
  struct linger at_once = { .l_onoff = 1 };
  int clients[COUNT], accepted[COUNT];
  socklen_t size = sizeof at;
  getsockname (server, (struct sockaddr *) &at, &size);
  for (int i = 0; i < COUNT; i++)
    {
      clients[i] = socket (AF_INET, SOCK_STREAM, 0);
      setsockopt (clients[i], SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
      if (connect (clients[i], (struct sockaddr *) &at, sizeof at) != 0)
        err (1, "connect");
    }
  double start = now ();
  for (int i = 0; i < COUNT; i++)
    {
      struct sockaddr_storage name;
      size = sizeof name;
      accepted[i] = with_address
                        ? accept (server, (struct sockaddr *) &name, &size)
                        : accept (server, NULL, NULL);
    }
  double time = (now () - start) / COUNT;
  for (int i = 0; i < COUNT; i++)
    {
      if (accepted[i] < 0)
        errx (1, "accept");
      close (clients[i]);
      close (accepted[i]);
    }
  return time;
}

static double
accept_named (void)
{
  return accept_some (true);
}

static double
accept_unnamed (void)
{
  return accept_some (false);
}

static int
compare (const void *a, const void *b)
{
  double x = *(const double *) a, y = *(const double *) b;
  return (x > y) - (x < y);
}

static double
median (double *times, int count)
{
  qsort (times, (size_t) count, sizeof *times, compare);
  return times[count / 2];
}

static double
median_time (void (*call) (void))
{
  /* Rounds of about 5 milliseconds.  */
  double start = now ();
  call ();
  call ();
  double one = (now () - start) / 2;
  int count = one > 2.5e6 ? 1 : (int) (5e6 / one) + 1;
  int rounds = one > 2.5e6 ? FEW_ROUNDS : ROUNDS;
  double times[ROUNDS];
  for (int round = 0; round < rounds; round++)
    {
      start = now ();
      for (int i = 0; i < count; i++)
        call ();
      times[round] = (now () - start) / count;
    }
  return median (times, rounds);
}

/* For calls that can only be timed by themselves.  */
static double
median_of_timed (double (*timed) (void))
{
  double times[ROUNDS];
  for (int round = 0; round < ROUNDS; round++)
    times[round] = timed ();
  return median (times, ROUNDS);
}

/* Make one process's share of the crowd.  */
static void
crowd_at (int type, int sockets, unsigned address)
{
  for (int i = 0; i < sockets; i++)
    {
      struct sockaddr_in name = loopback (0);
      struct sockaddr_in peer = loopback (9);
      int other = socket (AF_INET, type, 0);
      name.sin_addr.s_addr = htonl (address);
      if (other < 0
          || bind (other, (struct sockaddr *) &name, sizeof name) != 0)
        err (1, "socket %d", i);
      if (type == SOCK_STREAM
          && setsockopt (other, IPPROTO_TCP, TCP_REPAIR, &(int){ 1 },
                         sizeof (int))
                 != 0)
        err (1, "TCP_REPAIR");
      if (connect (other, (struct sockaddr *) &peer, sizeof peer) != 0)
        err (1, "connect %d", i);
    }
}

/* Fill the network namespace with connected sockets.  They are those of other
   processes, which end with this one: a process cannot have so many.  */
static void
crowd (int type, int sockets)
{
  struct rlimit limit;
  getrlimit (RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit (RLIMIT_NOFILE, &limit);
  for (unsigned part = 0; sockets > 0; part++, sockets -= PER_PROCESS)
    {
      int ready[2];
      if (pipe (ready) != 0)
        err (1, "pipe");
      if (fork () == 0)
        {
          prctl (PR_SET_PDEATHSIG, SIGKILL);
          crowd_at (type, sockets < PER_PROCESS ? sockets : PER_PROCESS,
                    INADDR_LOOPBACK + 1 + part);
          if (write (ready[1], "", 1) != 1)
            _exit (1);
          while (true)
            pause ();
        }
      close (ready[1]);
      char byte;
      if (read (ready[0], &byte, 1) != 1)
        errx (1, "the crowd is not complete");
      close (ready[0]);
    }
}

int
main (int argc, char **argv)
{
  static const struct
  {
    const char *what;
    int type;
    enum
    {
      FRESH,
      FRESH6,
      BOUND,
      BOUND6,
      ANY,
      DEVICE,
      SHARED,
      CONTROL,
      ZERO,
      LISTENER
    } state;
    void (*call) (void);
    double (*timed) (void);
  } rows[] = {
    { "success-tcp", SOCK_STREAM, CONTROL, ask, NULL },
    { "success-udp", SOCK_DGRAM, CONTROL, ask, NULL },
    { "unconnected-tcp", SOCK_STREAM, FRESH, ask, NULL },
    { "unbound-udp", SOCK_DGRAM, FRESH, ask, NULL },
    { "unbound-udp6", SOCK_DGRAM, FRESH6, ask, NULL },
    { "bound-udp", SOCK_DGRAM, BOUND, ask, NULL },
    { "bound-udp6", SOCK_DGRAM, BOUND6, ask, NULL },
    { "any-udp", SOCK_DGRAM, ANY, ask, NULL },
    { "device-udp", SOCK_DGRAM, DEVICE, ask, NULL },
    { "shared-udp", SOCK_DGRAM, SHARED, ask, NULL },
    { "port0-tcp", SOCK_STREAM, ZERO, ask, NULL },
    { "port0-udp", SOCK_DGRAM, ZERO, ask, NULL },
    { "dump-tcp", SOCK_STREAM, ZERO, dump, NULL },
    { "dump-udp", SOCK_DGRAM, ZERO, dump, NULL },
    { "proc-tcp", SOCK_STREAM, ZERO, read_proc, NULL },
    { "proc-udp", SOCK_DGRAM, ZERO, read_proc, NULL },
    { "ss-tcp", SOCK_STREAM, ZERO, run_ss, NULL },
    { "ss-udp", SOCK_DGRAM, ZERO, run_ss, NULL },
    { "accept-named", SOCK_STREAM, LISTENER, NULL, accept_named },
    { "accept-unnamed", SOCK_STREAM, LISTENER, NULL, accept_unnamed },
  };
  long calls = 0;
  if (argc == 4 && strcmp (argv[1], "-n") == 0)
    {
      calls = strtol (argv[2], NULL, 10);
      argv += 2;
      argc = 2;
    }
  if (argc < 2 || argc > 3)
    errx (2, "usage: names [-n CALLS] WHAT [SOCKETS]");
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    if (strcmp (argv[1], rows[i].what) == 0)
      {
        if (argc == 3)
          crowd (rows[i].type, (int) strtol (argv[2], NULL, 10));
        diag_protocol = rows[i].type == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP;
        fd = rows[i].state == FRESH     ? socket (AF_INET, rows[i].type, 0)
             : rows[i].state == FRESH6  ? socket (AF_INET6, rows[i].type, 0)
             : rows[i].state == BOUND   ? bound (rows[i].type)
             : rows[i].state == BOUND6  ? bound6 (rows[i].type)
             : rows[i].state == ANY     ? bound_to_any (rows[i].type)
             : rows[i].state == DEVICE  ? bound_to_device (rows[i].type)
             : rows[i].state == SHARED  ? sharing (rows[i].type)
             : rows[i].state == CONTROL ? connected (rows[i].type, 9)
             : rows[i].state == ZERO    ? connected (rows[i].type, 0)
                                        : bound (rows[i].type);
        if (rows[i].state == LISTENER && listen (server = fd, 100) != 0)
          err (1, "listen");
        for (long call = 0; call < calls && rows[i].call != NULL; call++)
          rows[i].call ();
        if (calls == 0)
          printf ("%.0f\n", rows[i].call != NULL
                                ? median_time (rows[i].call)
                                : median_of_timed (rows[i].timed));
        return 0;
      }
  errx (2, "no row '%s'", argv[1]);
}
