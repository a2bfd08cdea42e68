/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Steering by the kernel's own search for a socket: a BPF program (type
   SK_LOOKUP, Documentation/bpf/prog_sk_lookup.rst) gives packets for port 0 to
   the socket that is at the listener's port.  Nothing is translated: an
   accepted socket is at port 0.

   The program finds the socket in a map.  So that it gets there when the
   command binds or listens, these two calls are told to us
   (seccomp_unotify(2)). Needs CAP_BPF and CAP_NET_ADMIN.  */

#ifndef PORTZERO_STEER_LOOKUP_H
#define PORTZERO_STEER_LOOKUP_H

/* Rules of a request that begin so, with the listener's port behind, are none
   for nft.  */
#define LOOKUP_RULES "sk_lookup "

/* Steer port 0 of this network namespace to LISTENER for as long as this
   process lives.  Return null, or what failed, with errno.  */
const char *lookup_begin (int listener);
/* In the child process that becomes the command: from now on, its calls and
   those of all it starts are told to whoever has the descriptor that is sent
   through CHANNEL, a socket.  Return 0, or -1 with errno.  */
int lookup_trap (int channel);
/* The descriptor that lookup_trap() sent; -1 if none came.  */
int lookup_take (int channel);
/* Answer a call that the descriptor TRAPPED, of lookup_take(), tells of.  */
void lookup_answer (int trapped);

#endif
