/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How a guest is made to look like the host: files, devices, user, network.
   What goes wrong ends the guest with a report.  */

#ifndef PORTZERO_GUEST_SYSTEM_H
#define PORTZERO_GUEST_SYSTEM_H

#include <stdbool.h>

/* What the strings of a request are; WORDS is followed by so many words of
   the command, an empty string, and the environment.  */
enum request
{
  RULES,    /* nftables rules that steer port 0, or nothing.  */
  WRITABLE, /* The folder that can be written to.  */
  FOLDER,   /* The folder to start in.  */
  TERMINAL, /* Not empty if the command is to have the user's terminal.  */
  USER,     /* User and group id, and the other groups', with spaces ...  */
  RIGHTS,   /* ... and not empty if they have all rights in the guest.  */
  HOST,     /* The host's name.  */
  SEED,     /* Random bytes, hexadecimal.  */
  WORDS,    /* How many words the command has.  */
  COMMAND
};

enum
{
  CANNOT_RUN = 126,
  NOT_FOUND = 127
};

/* The request's strings; the last pointer is null, and so is the one behind
   the command's words.  */
char **read_request (const char *path);
/* Mount what the kernel has to tell, and devices.  */
void mount_devices (void);
/* Mount what can be written to: the request's folder, and folders for
   temporary files that hold the host's files and forget what is changed.  */
void mount_files (char **request);
/* Name, entropy, network, steering, folder.  */
void set_up_system (char **request);
/* Whether port 0 is steered without rules for nft (steer_lookup.h).  */
bool is_by_lookup (char **request);
/* Become the user, without a way to more rights.  */
void become_user (char **request);

/* Linux lets a new connection take the place of one in TIME_WAIT if that has
   a time stamp, and takes the first second's, 0, for none
   (tcp_twsk_unique() in net/ipv4/tcp_ipv4.c): for a minute, a port used in
   the guest's first second could not be used again.  So in that second, there
   is no TIME_WAIT.  */
int milliseconds_to_first_second (void); /* -1 if it is over.  */
void keep_time_wait (void);

/* End the guest; in guest.c, with a report.  */
_Noreturn void halt (void);
_Noreturn void fail (const char *what);

#endif
