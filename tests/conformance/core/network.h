/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Networks and rules that a case makes for itself: a namespace with nothing
   but loopback in it, ways by which a server gets a local port of 0 without
   address translation, and programs that decide about calls.  All of it ends
   with the variant.  Where the rights for it are missing, or the kernel lacks
   it, the variant is skipped.  */

#ifndef PORTZERO_NETWORK_H
#define PORTZERO_NETWORK_H

#include "case.h"

/* Move this process into a network namespace in which nothing but loopback is,
   and the nftables RULES hold; "" for none, or those that hold there already.
   They are loaded for the question and for its control: in them, $table is a
   name, $zero, $listener, $source and $client are the ports of test->peer,
   test->listener and so on.  */
void own_network (struct test *test, const char *rules);
/* Write VALUE to /proc/sys/net/SETTING, in a network with rules: that without
   is shared.  */
void set_network (struct test *test, const char *setting, const char *value);

/* Rules for own_network(): test->source becomes test->client.  */
extern const char from_port_in_question[];

enum route
{
  SK_LOOKUP, /* A BPF program at the lookup of the receiving socket.  */
  TPROXY     /* nftables, and a socket with IP_TRANSPARENT.  */
};

/* In a network of its own: a socket bound to test->listener (and listening)
   that gets what is sent to test->peer, untranslated: a connection accepted
   from it has the local name test->peer.  If FROM_ZERO, clients bound to
   test->source come from test->client.  TCP and UDP only.  */
int socket_at_peer (struct test *test, enum route route, bool from_zero);

/* What a policy does with the ports it sees.  */
enum verdict
{
  ALLOW,
  DENY,
  REWRITE /* The port, from one to another.  */
};

/* Have a BPF program decide about the calls of this process.  ATTACH_TYPE is
   one of BPF_CGROUP_... for socket addresses.  Needs a cgroup hierarchy that
   nobody else uses.  */
void policy (struct test *test, int attach_type, enum verdict verdict,
             in_port_t from, in_port_t to);
/* Have a BPF program answer SO_PEERNAME by the peer that the kernel knows.  */
void policy_for_peername (struct test *test);

/* Send one datagram of the variant's protocol with the payload from FROM to
   TO, by a raw socket.  Let TO be the port of a listener(): conntrack takes
   what an ephemeral port sends to port 0 later for an answer to this.  */
void send_datagram (struct test *test, const struct name *from,
                    const struct name *to);
/* A packet socket that sees what passes loopback from now on.  */
int wiretap (struct test *test);
/* Wait at a wiretap for a packet of the variant's protocol with this
   destination port (and, for TCP, with one of FLAGS set, if they are not 0);
   store where it came from and went to.  False: none came.  */
bool packet_seen (struct test *test, int tap, const struct name *to, int flags,
                  struct name *source, struct name *destination);

#endif
