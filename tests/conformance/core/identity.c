/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Proof of what runs, taken from the running process itself.  */

#define _GNU_SOURCE
#include "runner.h"

#include <dlfcn.h>
#include <elf.h>
#include <err.h>
#include <limits.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/utsname.h>

/* What to look for in the list of loaded objects, and what was found.  */
struct object
{
  ElfW (Addr) address; /* Any address in it.  */
  char path[PATH_MAX];
  char build_id[2 * 64 + 1]; /* Hexadecimal; the linker's are 20 bytes.  */
};

/* The parts of a note fill up 4 bytes each.  */
static size_t
padded (size_t size)
{
  return (size + 3) & ~(size_t) 3;
}

static void
copy_build_id (struct object *object, const struct dl_phdr_info *info,
               const ElfW (Phdr) * segment)
{
  const char *at = (const char *) (info->dlpi_addr + segment->p_vaddr);
  const char *end = at + segment->p_memsz;
  while (at + sizeof (ElfW (Nhdr)) < end)
    {
      ElfW (Nhdr) note;
      memcpy (&note, at, sizeof note);
      const char *owner = at + sizeof note;
      const char *value = owner + padded (note.n_namesz);
      if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4
          && memcmp (owner, "GNU", 4) == 0
          && 2 * (size_t) note.n_descsz < sizeof object->build_id)
        for (size_t i = 0; i < note.n_descsz; i++)
          sprintf (object->build_id + 2 * i, "%02x", (unsigned char) value[i]);
      at = value + padded (note.n_descsz);
    }
}

static int
look_at_object (struct dl_phdr_info *info, size_t size, void *argument)
{
  (void) size;
  struct object *object = argument;
  bool found = false;
  for (int i = 0; i < info->dlpi_phnum; i++)
    {
      const ElfW (Phdr) *segment = &info->dlpi_phdr[i];
      ElfW (Addr) start = info->dlpi_addr + segment->p_vaddr;
      if (segment->p_type == PT_LOAD && object->address >= start
          && object->address < start + segment->p_memsz)
        found = true;
    }
  if (!found)
    return 0;
  snprintf (object->path, sizeof object->path, "%s", info->dlpi_name);
  for (int i = 0; i < info->dlpi_phnum; i++)
    if (info->dlpi_phdr[i].p_type == PT_NOTE)
      copy_build_id (object, info, &info->dlpi_phdr[i]);
  return 1;
}

/* A digest (FNV-1a) of the file of a libc that has no build-id.  */
static void
copy_digest (struct object *object)
{
  unsigned long long hash = 0xcbf29ce484222325;
  FILE *file = fopen (object->path, "re");
  if (file == NULL)
    err (BROKEN, "%s", object->path);
  for (int byte; (byte = getc (file)) != EOF;)
    hash = (hash ^ (unsigned char) byte) * 0x100000001b3;
  fclose (file);
  snprintf (object->build_id, sizeof object->build_id, "fnv1a-%016llx", hash);
}

char *
identify (void)
{
  /* Looked up at run time: a preloaded getpeername does not hide the libc,
     and no stub in this program is taken for it.  Not every libc is glibc,
     but what starts the program is always in it.  */
  void *in_libc = dlsym (RTLD_DEFAULT, "gnu_get_libc_version");
  if (in_libc == NULL)
    in_libc = dlsym (RTLD_DEFAULT, "__libc_start_main");
  if (in_libc == NULL)
    errx (BROKEN, "no loaded libc found: link the suite dynamically");
  struct object libc = { .address = (ElfW (Addr)) in_libc };
  struct object loader = { .address = getauxval (AT_BASE) };
  struct utsname kernel;
  if (dl_iterate_phdr (look_at_object, &libc) == 0)
    errx (BROKEN, "the list of loaded objects has no libc");
  if (libc.build_id[0] == 0)
    copy_digest (&libc);
  dl_iterate_phdr (look_at_object, &loader);
  if (uname (&kernel) != 0)
    err (BROKEN, "uname");

  /* What comes before the libc, if anything does.  The program itself may
     have a stub of that name, so it is not asked.  */
  struct object before
      = { .address = (ElfW (Addr)) dlsym (RTLD_NEXT, "getpeername") };
  if (dl_iterate_phdr (look_at_object, &before) != 0
      && strcmp (before.path, libc.path) != 0 && before.build_id[0] == 0)
    copy_digest (&before);

  const char *tunables = getenv ("GLIBC_TUNABLES");
  const struct
  {
    const char *key, *value;
  } members[] = {
    { "libc", libc.build_id },
    { "libc_path", libc.path },
    { "tunables", tunables ?: "" },
    { "loader", loader.path },
    { "preloaded",
      strcmp (before.path, libc.path) != 0 ? before.build_id : "" },
    { "system", kernel.sysname },
    { "kernel", kernel.release },
    { "machine", kernel.machine },
  };
  char *json;
  size_t size;
  FILE *out = open_memstream (&json, &size);
  if (out == NULL)
    err (BROKEN, "open_memstream");
  for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
    {
      fprintf (out, "%s\"%s\":", i == 0 ? "{" : ",", members[i].key);
      put_string (out, members[i].value);
    }
  putc ('}', out);
  if (fclose (out) != 0)
    err (BROKEN, "open_memstream");
  return json;
}
