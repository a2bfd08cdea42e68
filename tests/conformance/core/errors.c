/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The names of errors, which not every libc tells (glibc has
   strerrorname_np()).  */

#include "runner.h"

#define NAME(error)                                                            \
  case error:                                                                  \
    return #error;

const char *
error_name (int error_number)
{
  static char unknown[20];
  switch (error_number)
    {
    case 0:
      return "";
      NAME (EPERM)
      NAME (ENOENT)
      NAME (ESRCH)
      NAME (EINTR)
      NAME (EIO)
      NAME (ENXIO)
      NAME (E2BIG)
      NAME (EBADF)
      NAME (EAGAIN)
      NAME (ENOMEM)
      NAME (EACCES)
      NAME (EFAULT)
      NAME (EBUSY)
      NAME (EEXIST)
      NAME (ENODEV)
      NAME (ENOTDIR)
      NAME (EISDIR)
      NAME (EINVAL)
      NAME (ENFILE)
      NAME (EMFILE)
      NAME (ENOTTY)
      NAME (EFBIG)
      NAME (ENOSPC)
      NAME (ESPIPE)
      NAME (EPIPE)
      NAME (EDOM)
      NAME (ERANGE)
      NAME (ENOSYS)
      NAME (ENOTSOCK)
      NAME (EDESTADDRREQ)
      NAME (EMSGSIZE)
      NAME (EPROTOTYPE)
      NAME (ENOPROTOOPT)
      NAME (EPROTONOSUPPORT)
      NAME (ESOCKTNOSUPPORT)
      NAME (EOPNOTSUPP)
      NAME (EPFNOSUPPORT)
      NAME (EAFNOSUPPORT)
      NAME (EADDRINUSE)
      NAME (EADDRNOTAVAIL)
      NAME (ENETDOWN)
      NAME (ENETUNREACH)
      NAME (ENETRESET)
      NAME (ECONNABORTED)
      NAME (ECONNRESET)
      NAME (ENOBUFS)
      NAME (EISCONN)
      NAME (ENOTCONN)
      NAME (ESHUTDOWN)
      NAME (ETIMEDOUT)
      NAME (ECONNREFUSED)
      NAME (EHOSTDOWN)
      NAME (EHOSTUNREACH)
      NAME (EALREADY)
      NAME (EINPROGRESS)
      NAME (EPROTO)
      NAME (ECANCELED)
      NAME (ENOKEY)
    default:
      snprintf (unknown, sizeof unknown, "%d", error_number);
      return unknown;
    }
}
