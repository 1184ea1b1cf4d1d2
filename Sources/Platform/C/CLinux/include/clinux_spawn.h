#ifndef CLINUX_SPAWN_H
#define CLINUX_SPAWN_H

#include <stdbool.h>
#include <sys/types.h>

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
};

/* Forks and executes with default signal dispositions and an empty signal mask.
 *
 * Swift cannot call fork, and posix_spawn cannot set a parent-death signal. Returns the process id,
 * or -1 with errno set, also when the exec itself failed. */
pid_t clinux_spawn(const struct clinux_spawn_options *options);

/* Whether this process ignores a signal, as `nohup` arranges before the exec. Swift cannot compare
 * the function pointers of sigaction. */
bool clinux_signal_is_ignored(int signal);

/* A pipe whose ends are close-on-exec; Swift's Glibc module lacks pipe2. 0, or -1 with errno. */
int clinux_pipe(int *read_end, int *write_end);

#endif
