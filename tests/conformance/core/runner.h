/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the parts of the core share, and cases do not see.  */

#ifndef PORTZERO_RUNNER_H
#define PORTZERO_RUNNER_H

#include "case.h"

#include <stdio.h>

/* variants.c: the rows of the variant axes, each ended by a row without a
   name.  */
extern const struct family families[];
extern const struct protocol protocols[];
/* entries.c */
extern const struct entry entries[];

/* identity.c: return a JSON object that proves what runs: the build-id and
   path of the libc that is loaded, the settings it was given, the path of the
   loader, and the kernel's release.  Errors: ends the program.  */
char *identify (void);

/* errors.c: "ENOTCONN" for ENOTCONN; "" for 0.  Valid until the next call.  */
const char *error_name (int error_number);

/* emit.c: what an observation is made of.  Unused members are 0.  */
struct observation
{
  const char *step;
  const char *call;
  struct answer standard;
  long returned;
  int error_number; /* 0 unless the call failed, or changed errno all the
                       same.  */
  bool has_name;    /* The following members mean something.  */
  socklen_t given;  /* *length before the call,  */
  socklen_t length; /* and after it.  */
  const unsigned char *buffer; /* All of it.  */
  size_t buffer_size;          /* At least given.  */
};

/* Pattern of the bytes that a call had no business to change.  */
enum
{
  UNTOUCHED = 0xa5
};

/* Where the JSON lines go (a stream per process, one write a line), and
   what identify() found.  Set once, before the first test.  */
void emit_to (int fd, const char *identity);
/* Write a case's declaration, and how many variants it has.  */
void emit_case (FILE *out, const struct test_case *test_case, int variants);
/* Write a string as JSON has it.  */
void put_string (FILE *out, const char *string);

/* How much there is to run.  */
struct extent
{
  int cases, variants;
};

/* What proves that a file of observations is all there.  Write before the
   first case how much was asked for and how much there is in all, with a
   digest of all cases' declarations; after the last variant of each case how
   many variants and records it had; and after the last case the same of the
   whole run.  */
void emit_begin (const struct extent *wanted, const struct extent *all,
                 const char *pattern, const char *cases);
void emit_case_end (const struct test_case *test_case, int variants);
void emit_end (const struct extent *wanted);
/* Write an observation, return whether it is what the standard answers.  */
bool emit_observation (const struct test *test, const struct observation *);
/* Write that there is none.  KIND is "broken" or "skipped".  */
void emit_absence (const struct test *test, const char *kind,
                   const char *reason);

/* How a variant ends.  */
enum status
{
  AS_THE_STANDARD,
  OTHERWISE,
  SKIPPED,
  BROKEN
};

/* A variant of one case, and how it ended.  */
struct variant
{
  struct test test;
  bool ended, hung;
  enum status status;
};

enum
{
  MOST_VARIANTS = 1000 /* Of one case.  */
};

/* variants.c: the loopback address of a family, with this port.  */
struct name loopback (const struct family *family, in_port_t port);
/* Store the variants of a case in VARIANTS and return how many there are.  */
int expand (const struct test_case *test_case, struct variant *variants);

/* entries.c: whether this architecture has socketcall(2), and whether raw
   system calls are made by it, not only where there is no other.  */
extern const bool has_socketcall;
extern bool through_socketcall;

/* run.c: seconds that a variant may take.  */
extern int time_limit;
/* Find out for which protocols packets to port 0 reach the listener's port.  */
void find_steering (void);
/* Run the variants of one case in a process, one after the other, until one
   does not end in time or ends the process.  Its observations so far stay, it
   is broken, and a later call runs the others; if too many of an entry's hang,
   its others are broken, too.  Return whether all have ended.  */
bool run_contained (struct variant *variants, int count);
/* End the running variant; does not return.  */
_Noreturn void end_variant (enum status status);

/* network.c: make the network without rules for all cases, if that is
   allowed.  */
void make_plain_network (void);
/* network.c: set the descriptors from FIRST on apart for namespaces, and return
   the first that is left to variants.  */
int keep_networks (int first);
/* network.c: a number for the network in which this process is, the same
   whenever it comes back to it.  */
int network_now (void);
/* wire.c: set the descriptor FIRST apart for a wiretap, and return the first
   that is left to variants.  */
int keep_wiretap (int first);
/* bpf.c: have the socket FD get what arrives in this network for PORT.  */
void look_up (struct test *test, int fd, in_port_t port);
/* network.c: back from the network that a case made for itself.  */
void leave_own_network (void);
/* Let this process use ICMP sockets; may move it to a network of its own.  */
void allow_ping (struct test *test);
/* The port at which packets for port 0 arrive; N + 1 to N + 3 are used, too. */
extern int listener_port;

/* observe.c: whether all observations of the variant are the standard's.  */
extern bool all_as_the_standard;
/* The variant that runs: what ends it is told of it, also where a case looks
   at the other port.  */
extern const struct test *asked;

#endif
