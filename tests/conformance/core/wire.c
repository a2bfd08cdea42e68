/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Packets made by hand, and packets looked at on their way.  */

#define _GNU_SOURCE
#include "network.h"
#include "runner.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

static in_port_t
port_of (const struct name *name)
{
  return name->any.sa_family == AF_INET ? name->in.sin_port
                                        : name->in6.sin6_port;
}

/* An IPv4-mapped name as an IPv4 name, any other as it is.  */
static struct name
unmapped (const struct name *name)
{
  if (name->any.sa_family != AF_INET6
      || !IN6_IS_ADDR_V4MAPPED (&name->in6.sin6_addr))
    return *name;
  struct name plain = { .length = sizeof plain.in };
  plain.in.sin_family = AF_INET;
  plain.in.sin_port = name->in6.sin6_port;
  memcpy (&plain.in.sin_addr, name->in6.sin6_addr.s6_addr + 12, 4);
  return plain;
}

/* The name in the notation of FAMILY.  */
static struct name
mapped (const struct name *name, const struct family *family)
{
  if (name->any.sa_family != AF_INET || family->domain == AF_INET)
    return *name;
  struct name wide = { .length = sizeof wide.in6 };
  wide.in6.sin6_family = AF_INET6;
  wide.in6.sin6_port = name->in.sin_port;
  memset (wide.in6.sin6_addr.s6_addr + 10, 0xff, 2);
  memcpy (wide.in6.sin6_addr.s6_addr + 12, &name->in.sin_addr, 4);
  return wide;
}

static unsigned
sum (unsigned so_far, const void *data, size_t size)
{
  const unsigned char *bytes = data;
  for (size_t i = 0; i < size; i++)
    so_far += i % 2 == 0 ? (unsigned) bytes[i] << 8 : bytes[i];
  return so_far;
}

void
send_datagram (struct test *test, const struct name *from,
               const struct name *to)
{
  struct name source = unmapped (from), destination = unmapped (to);
  int number = test->protocol->number;
  struct
  {
    in_port_t source, destination;
    uint16_t length, checksum;
    char data[PAYLOAD_SIZE];
  } packet = { .source = port_of (from),
               .destination = port_of (to),
               .length = htons (sizeof packet) };
  memcpy (packet.data, payload, PAYLOAD_SIZE);
  int fd = socket (destination.any.sa_family, SOCK_RAW | SOCK_CLOEXEC, number);
  if (fd < 0 && errno == EPERM)
    skip (test, "CAP_NET_RAW, for a packet made by hand");
  if (fd < 0)
    broken (test, "raw socket", errno);
  if (destination.any.sa_family == AF_INET)
    {
      /* RFC 768: over the addresses, the protocol and the length, too.  */
      unsigned total = sum (0, &source.in.sin_addr, 4);
      total = sum (total, &destination.in.sin_addr, 4);
      total += (unsigned) number + (unsigned) sizeof packet;
      total = sum (total, &packet, sizeof packet);
      while (total > 0xffff)
        total = (total & 0xffff) + (total >> 16);
      packet.checksum = htons ((uint16_t) ~total);
      if (packet.checksum == 0)
        packet.checksum = 0xffff;
    }
  else if (setsockopt (fd, IPPROTO_IPV6, IPV6_CHECKSUM, &(int){ 6 },
                       sizeof (int))
           != 0)
    broken (test, "IPV6_CHECKSUM", errno);
  /* A raw socket knows no ports.  */
  set_port (&source, 0);
  set_port (&destination, 0);
  if (bind (fd, &source.any, source.length) != 0
      || sendto (fd, &packet, sizeof packet, 0, &destination.any,
                 destination.length)
             != sizeof packet)
    broken (test, "sending a packet made by hand", errno);
  close (fd);
}

/* The descriptor of a case's wiretap, and the network where it is.  Linux lets
   all processors pass by before it closes one (synchronize_net() in
   packet_release(), net/packet/af_packet.c), which takes longer than all else
   that a variant does: so its variants share it.  */
static int tap_fd;
static int tapped = -1;

int
keep_wiretap (int first)
{
  tap_fd = first;
  /* Taken from the start, or the first socket of a variant had it.  */
  dup3 (STDERR_FILENO, tap_fd, O_CLOEXEC);
  return first + 1;
}

int
wiretap (struct test *test)
{
  if (tapped == network_now ())
    {
      /* What others left.  */
      char byte;
      while (recv (tap_fd, &byte, 1, MSG_DONTWAIT | MSG_TRUNC) >= 0)
        ;
      return tap_fd;
    }
  /* It hears nothing until it is bound: for no protocol, there is nothing to
     wait for at that.  */
  int fd = socket (AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0 && errno == EPERM)
    skip (test, "CAP_NET_RAW, for a packet socket");
  if (fd < 0 && errno == EAFNOSUPPORT)
    skip (test, "CONFIG_PACKET, to look at packets");
  struct sockaddr_ll loopback = { .sll_family = AF_PACKET,
                                  .sll_protocol = htons (ETH_P_ALL),
                                  .sll_ifindex = (int) if_nametoindex ("lo") };
  if (fd < 0 || bind (fd, (struct sockaddr *) &loopback, sizeof loopback) != 0
      || dup3 (fd, tap_fd, O_CLOEXEC) < 0)
    broken (test, "packet socket", errno);
  close (fd);
  tapped = network_now ();
  return tap_fd;
}

/* Take an IP packet apart; return its transport header, or NULL.  */
static const unsigned char *
dissect (const unsigned char *packet, size_t size, int *protocol,
         struct name *source, struct name *destination)
{
  *source = *destination = (struct name){ 0 };
  size_t header;
  if (size >= sizeof (struct iphdr) && packet[0] >> 4 == 4)
    {
      header = 4 * (size_t) (packet[0] & 15);
      *protocol = packet[9];
      source->length = destination->length = sizeof source->in;
      source->any.sa_family = destination->any.sa_family = AF_INET;
      memcpy (&source->in.sin_addr, packet + 12, 4);
      memcpy (&destination->in.sin_addr, packet + 16, 4);
    }
  else if (size >= sizeof (struct ip6_hdr) && packet[0] >> 4 == 6)
    {
      header = sizeof (struct ip6_hdr);
      *protocol = packet[6];
      source->length = destination->length = sizeof source->in6;
      source->any.sa_family = destination->any.sa_family = AF_INET6;
      memcpy (&source->in6.sin6_addr, packet + 8, 16);
      memcpy (&destination->in6.sin6_addr, packet + 24, 16);
    }
  else
    return NULL;
  if (size < header + 14)
    return NULL;
  set_port (source, (in_port_t) (packet[header] << 8 | packet[header + 1]));
  set_port (destination,
            (in_port_t) (packet[header + 2] << 8 | packet[header + 3]));
  return packet + header;
}

bool
packet_seen (struct test *test, int tap, const struct name *to, int flags,
             struct name *source, struct name *destination)
{
  int wanted
      = test->protocol->bit == MPTCP ? IPPROTO_TCP : test->protocol->number;
  unsigned char packet[2000];
  struct pollfd readable = { .fd = tap, .events = POLLIN };
  while (poll (&readable, 1, PATIENCE) == 1)
    {
      ssize_t size = recv (tap, packet, sizeof packet, 0);
      int protocol;
      const unsigned char *transport
          = size < 0 ? NULL
                     : dissect (packet, (size_t) size, &protocol, source,
                                destination);
      if (transport != NULL && protocol == wanted
          && port_of (destination) == port_of (to)
          && (flags == 0 || (transport[13] & flags) != 0))
        {
          *source = mapped (source, test->family);
          *destination = mapped (destination, test->family);
          return true;
        }
    }
  *source = *destination = (struct name){ 0 };
  return false;
}
