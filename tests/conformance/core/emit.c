/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Cases and observations as JSON lines, the format that is judged later.
   Each line is one write, so that a crash cannot cut it.  */

#define _GNU_SOURCE
#include "runner.h"

#include <arpa/inet.h>
#include <err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum
{
  FORMAT = 2 /* Of the lines.  Another one cannot be judged with this.  */
};

static int output = -1;
static const char *ran = "null";
/* How many records of tests were written, by all processes.  */
static unsigned long *records;

void
emit_to (int fd, const char *identity)
{
  output = fd;
  ran = identity;
  records = mmap (NULL, sizeof *records, PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (records == MAP_FAILED)
    err (BROKEN, "mmap");
}

void
put_string (FILE *out, const char *string)
{
  putc ('"', out);
  for (; *string != 0; string++)
    if (*string == '"' || *string == '\\')
      fprintf (out, "\\%c", *string);
    else if ((unsigned char) *string < ' ')
      fprintf (out, "\\u%04x", *string);
    else
      putc (*string, out);
  putc ('"', out);
}

static void
put_member (FILE *out, const char *key, const char *value)
{
  fprintf (out, "\"%s\":", key);
  put_string (out, value);
  putc (',', out);
}

/* The address in LENGTH bytes at BUFFER for human readers: as much as they
   hold, or null.  */
static void
put_address (FILE *out, const void *buffer, socklen_t length)
{
  struct name name = { 0 };
  memcpy (&name.storage, buffer,
          length < sizeof name.storage ? length : sizeof name.storage);
  char text[INET6_ADDRSTRLEN];
  if (length == sizeof name.in && name.any.sa_family == AF_INET)
    fprintf (out, "\"%s:%d\"",
             inet_ntop (AF_INET, &name.in.sin_addr, text, sizeof text),
             ntohs (name.in.sin_port));
  else if (length == sizeof name.in6 && name.any.sa_family == AF_INET6)
    fprintf (out, "\"[%s%%%u]:%d\"",
             inet_ntop (AF_INET6, &name.in6.sin6_addr, text, sizeof text),
             name.in6.sin6_scope_id, ntohs (name.in6.sin6_port));
  else
    fputs ("null", out);
}

/* The shared form of what was observed and what the standard answers.  */
static void
put_result (FILE *out, long returned, int error_number)
{
  fprintf (out, "\"return\":%ld,\"errno\":\"%s\"", returned,
           error_name (error_number));
}

static void
put_name (FILE *out, const void *buffer, socklen_t given, socklen_t length)
{
  const unsigned char *bytes = buffer;
  fprintf (out, ",\"length\":%u,\"bytes\":\"", length);
  for (socklen_t i = 0; i < given && i < length; i++)
    fprintf (out, "%02x", bytes[i]);
  fputs ("\",\"address\":", out);
  put_address (out, buffer, given < length ? given : length);
}

/* Offset of the first byte of the buffer that the call had to leave alone
   and did not, or -1.  */
static long
first_touched (const struct observation *o)
{
  size_t stored = o->returned != 0       ? 0
                  : o->given < o->length ? o->given
                                         : o->length;
  for (size_t i = stored; i < o->buffer_size; i++)
    if (o->buffer[i] != UNTOUCHED)
      return (long) i;
  return -1;
}

static bool
is_as_the_standard (const struct observation *o)
{
  switch (o->standard.kind)
    {
    case UNSPECIFIED:
      return true;
    case RESULT:
      return o->returned == o->standard.value && o->error_number == 0;
    case ERROR:
      return o->returned == -1 && o->error_number == o->standard.value
             && (!o->has_name
                 || (o->length == o->given && first_touched (o) == -1));
    case NAME:
      {
        const struct name *name = o->standard.name;
        return o->returned == 0 && o->error_number == 0
               && o->length == name->length && first_touched (o) == -1
               && memcmp (o->buffer, &name->storage,
                          o->given < o->length ? o->given : o->length)
                      == 0;
      }
    }
  return false;
}

/* In the standard's answer, only what it says something about.  */
static void
put_standard (FILE *out, const struct observation *o)
{
  switch (o->standard.kind)
    {
    case UNSPECIFIED:
      fputs ("null", out);
      break;
    case RESULT:
      putc ('{', out);
      put_result (out, o->standard.value, 0);
      putc ('}', out);
      break;
    case ERROR:
      putc ('{', out);
      put_result (out, -1, (int) o->standard.value);
      /* An error leaves the caller's memory alone.  */
      if (o->has_name)
        fprintf (out, ",\"length\":%u,\"touched\":-1", o->given);
      putc ('}', out);
      break;
    case NAME:
      putc ('{', out);
      put_result (out, 0, 0);
      put_name (out, &o->standard.name->storage, o->given,
                o->standard.name->length);
      fputs (",\"touched\":-1}", out);
      break;
    }
}

static void
put_observed (FILE *out, const struct observation *o)
{
  putc ('{', out);
  put_result (out, o->returned, o->error_number);
  if (o->has_name)
    {
      if (o->returned == 0)
        put_name (out, o->buffer, o->given, o->length);
      else
        fprintf (out, ",\"length\":%u", o->length);
      fprintf (out, ",\"touched\":%ld", first_touched (o));
    }
  putc ('}', out);
}

static FILE *
begin_line (char **line, size_t *size)
{
  FILE *out = open_memstream (line, size);
  if (out == NULL)
    err (BROKEN, "open_memstream");
  return out;
}

static void
end_line (FILE *out, char **line, const size_t *size)
{
  putc ('\n', out);
  if (fclose (out) != 0)
    err (BROKEN, "writing an observation");
  /* One call takes all, unless the disk is full: then the next says so.  */
  for (size_t done = 0; done < *size;)
    {
      ssize_t more = write (output, *line + done, *size - done);
      if (more < 0)
        err (BROKEN, "writing an observation");
      done += (size_t) more;
    }
  free (*line);
}

static FILE *
begin (const struct test *test, char **line, size_t *size)
{
  FILE *out = begin_line (line, size);
  fprintf (out, "{\"case\":\"%s/%s\",", test->test_case->call,
           test->test_case->name);
  put_member (out, "family", test->family->name);
  put_member (out, "protocol", test->protocol->name);
  put_member (out, "entry", test->entry->name);
  put_member (out, "port", test->control ? "control" : "zero");
  return out;
}

static void
end (FILE *out, char **line, const size_t *size)
{
  fprintf (out, "\"ran\":%s}", ran);
  end_line (out, line, size);
  __atomic_add_fetch (records, 1, __ATOMIC_SEQ_CST);
}

bool
emit_observation (const struct test *test, const struct observation *o)
{
  char *line;
  size_t size;
  FILE *out = begin (test, &line, &size);
  put_member (out, "step", o->step);
  put_member (out, "observed_call", o->call);
  fputs ("\"observed\":", out);
  put_observed (out, o);
  fputs (",\"standard\":", out);
  put_standard (out, o);
  putc (',', out);
  end (out, &line, &size);
  return is_as_the_standard (o);
}

void
emit_absence (const struct test *test, const char *kind, const char *reason)
{
  char *line;
  size_t size;
  FILE *out = begin (test, &line, &size);
  put_member (out, kind, reason);
  end (out, &line, &size);
}

/* Put STRING into a list that is open, if WANTED.  */
static void
put_element (FILE *out, bool wanted, const char *string, bool *first)
{
  if (!wanted)
    return;
  if (!*first)
    putc (',', out);
  *first = false;
  put_string (out, string);
}

void
emit_case (FILE *out, const struct test_case *test_case, int variants)
{
  fprintf (out, "{\"case\":\"%s/%s\",", test_case->call, test_case->name);
  put_member (out, "question", test_case->question);
  put_member (out, "basis", test_case->basis);
  bool first = true;
  fputs ("\"needs\":[", out);
  put_element (out, test_case->needs & STEERING, "steering", &first);
  put_element (out, test_case->needs & REPAIR, "repair", &first);
  put_element (out, test_case->needs & INTERFACE, "interface", &first);
  first = true;
  fputs ("],\"families\":[", out);
  for (const struct family *f = families; f->name != NULL; f++)
    put_element (out, test_case->families & f->bit, f->name, &first);
  first = true;
  fputs ("],\"protocols\":[", out);
  for (const struct protocol *p = protocols; p->name != NULL; p++)
    put_element (out, test_case->protocols & p->bit, p->name, &first);
  first = true;
  fputs ("],\"entries\":[", out);
  for (const struct entry *e = entries; e->name != NULL; e++)
    put_element (out, true, e->name, &first);
  fprintf (out, "],\"variants\":%d}\n", variants);
}

void
emit_begin (const struct extent *wanted, const struct extent *all,
            const char *pattern, const char *cases)
{
  char *line;
  size_t size;
  FILE *out = begin_line (&line, &size);
  fprintf (out, "{\"suite\":{\"format\":%d,", FORMAT);
  put_member (out, "digest", cases);
  put_member (out, "pattern", pattern);
  fprintf (out,
           "\"cases\":%d,\"variants\":%d,\"all_cases\":%d,"
           "\"all_variants\":%d},\"ran\":%s}",
           wanted->cases, wanted->variants, all->cases, all->variants, ran);
  end_line (out, &line, &size);
}

void
emit_case_end (const struct test_case *test_case, int variants)
{
  static unsigned long before;
  unsigned long now = __atomic_load_n (records, __ATOMIC_SEQ_CST);
  char *line;
  size_t size;
  FILE *out = begin_line (&line, &size);
  fprintf (out, "{\"ended\":\"%s/%s\",\"variants\":%d,\"records\":%lu}",
           test_case->call, test_case->name, variants, now - before);
  end_line (out, &line, &size);
  before = now;
}

void
emit_end (const struct extent *wanted)
{
  char *line;
  size_t size;
  FILE *out = begin_line (&line, &size);
  fprintf (out, "{\"end\":{\"cases\":%d,\"variants\":%d,\"records\":%lu}}",
           wanted->cases, wanted->variants,
           __atomic_load_n (records, __ATOMIC_SEQ_CST));
  end_line (out, &line, &size);
}
