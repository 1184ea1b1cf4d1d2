#define _GNU_SOURCE
#include "landlock.h"

#include <fcntl.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "clinux_spawn.h"

/* Debian 12's headers know less than its users' kernels: numbers and structures of the kernel's ABI,
 * which never change (linux/landlock.h). */
#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif

#define CREATE_VERSION 1U
#define RULE_PATH_BENEATH 1

#define EXECUTE (1ULL << 0)
#define WRITE_FILE (1ULL << 1)
#define READ_FILE (1ULL << 2)
#define READ_DIR (1ULL << 3)
/* Removing, and making what is a file or directory of some kind. */
#define REMOVE (3ULL << 4)
#define MAKE (0x7FULL << 6)
#define REFER (1ULL << 13)
#define TRUNCATE (1ULL << 14)

#define SCOPE_ABSTRACT_SOCKET (1ULL << 0)
#define SCOPE_SIGNAL (1ULL << 1)

struct ruleset_attributes {
  uint64_t files;
  uint64_t network;
  uint64_t scoped;
};

struct path_beneath {
  uint64_t allowed;
  int32_t parent;
} __attribute__((packed));

int clinux_landlock_version(void) {
  return (int)syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_VERSION);
}

/* What this kernel can refuse. */
static uint64_t known(void) {
  uint64_t access = EXECUTE | WRITE_FILE | READ_FILE | READ_DIR | REMOVE | MAKE;
  int version = clinux_landlock_version();
  if (version >= 2) access |= REFER;
  if (version >= 3) access |= TRUNCATE;
  return access;
}

int clinux_landlock_ruleset(void) {
  struct ruleset_attributes attributes = {.files = known()};
  if (clinux_landlock_version() >= 6) {
    attributes.scoped = SCOPE_ABSTRACT_SOCKET | SCOPE_SIGNAL;
  }
  /* What an older kernel doesn't know of is zero, which it accepts. */
  return (int)syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0);
}

int clinux_landlock_allow(int ruleset, const char *path, enum clinux_landlock_access access) {
  int file = open(path, O_PATH | O_CLOEXEC);
  if (file < 0) return -1;
  struct stat status;
  uint64_t wanted = READ_FILE | READ_DIR;
  if (access == CLINUX_READ_EXECUTE) wanted |= EXECUTE;
  if (access == CLINUX_READ_WRITE) wanted |= WRITE_FILE | REMOVE | MAKE | REFER | TRUNCATE;
  int result = fstat(file, &status);
  if (result == 0) {
    /* Of what isn't a directory no right of directories can be allowed. */
    if (!S_ISDIR(status.st_mode)) wanted &= EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE;
    struct path_beneath rule = {.allowed = wanted & known(), .parent = file};
    result = (int)syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &rule, 0);
  }
  close(file);
  return result;
}

int clinux_landlock_restrict_self(int ruleset) {
  return (int)syscall(SYS_landlock_restrict_self, ruleset, 0);
}
