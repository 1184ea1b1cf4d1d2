#ifndef CLINUX_SPAWN_H
#define CLINUX_SPAWN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Whose rights a child process has; the parent's capabilities are not among them. */
struct clinux_account {
  uid_t user;
  gid_t group;
  const gid_t *groups; /* supplementary ones */
  size_t group_count;
};

/* What a child process starts with. Descriptors of -1 mean /dev/null; no other descriptor of the
 * parent survives the exec. */
struct clinux_spawn_options {
  const char *path;
  char *const *arguments;   /* null-terminated, with argv[0] */
  char *const *environment; /* null-terminated, "NAME=value" */
  const char *working_directory; /* or NULL for the parent's */
  int standard_input;
  int standard_output;
  int standard_error;
  bool new_process_group;  /* keeps the terminal's Ctrl-C away from the child */
  int parent_death_signal; /* sent when the *thread* that called clinux_spawn ends; 0 for none */
  const struct clinux_account *account; /* or NULL for the parent's; needs CAP_SETUID, CAP_SETGID */
  int executable; /* `path`, open, for an account that can't reach it there; or -1 */
  int ruleset;    /* of clinux_landlock_ruleset, which holds from the exec on; or -1 */
};

/* Forks and executes with default signal dispositions and an empty signal mask.
 *
 * Swift cannot call fork, and posix_spawn cannot set a parent-death signal. Returns the process id,
 * or -1 with errno set, also when the exec itself failed. */
pid_t clinux_spawn(const struct clinux_spawn_options *options);

/* What Landlock (landlock(7)) knows on this kernel: 1 and up, or -1 with errno where there is none. */
int clinux_landlock_version(void);

/* A new set of what may be done with files, close-on-exec: nothing yet, and of signals and abstract
 * sockets nothing that leaves the process, where the kernel knows that. */
int clinux_landlock_ruleset(void);

enum clinux_landlock_access { CLINUX_READ, CLINUX_READ_EXECUTE, CLINUX_READ_WRITE };

/* Allows it of a file, or of a directory with all that is or will be below. 0, or -1 with errno. */
int clinux_landlock_allow(int ruleset, const char *path, enum clinux_landlock_access access);

/* Whether this process ignores a signal, as `nohup` arranges before the exec. Swift cannot compare
 * the function pointers of sigaction. */
bool clinux_signal_is_ignored(int signal);

/* A pipe whose ends are close-on-exec; Swift's Glibc module lacks pipe2. 0, or -1 with errno. */
int clinux_pipe(int *read_end, int *write_end);

#endif
