#define _GNU_SOURCE
#include "clinux_spawn.h"
#include "landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1U << 2)
#endif

/* Only async-signal-safe calls from here to the exec: other threads of the parent may have held
 * any lock at the moment of the fork. */
static void fail(int report) {
  int code = errno;
  ssize_t written = write(report, &code, sizeof code);
  (void)written;
  _exit(127);
}

/* Moves descriptors that the dup2 calls below would overwrite out of the way. */
static int above_standard(int descriptor) {
  return descriptor >= 0 && descriptor <= 2 ? fcntl(descriptor, F_DUPFD_CLOEXEC, 3) : descriptor;
}

static void reset_signals(void) {
  struct sigaction action = {.sa_handler = SIG_DFL};
  for (int number = 1; number < NSIG; number++) {
    sigaction(number, &action, NULL);
  }
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
}

/* The system calls themselves: glibc's wrappers would have all threads of the parent, which are not
 * here, do the same. Leaving root clears the permitted, effective and ambient capabilities; what is
 * inheritable would come back with a file that has it. */
static void take_account(const struct clinux_account *account, int report) {
  if (syscall(SYS_setgroups, account->group_count, account->groups) != 0) fail(report);
  if (syscall(SYS_setresgid, account->group, account->group, account->group) != 0) fail(report);
  if (syscall(SYS_setresuid, account->user, account->user, account->user) != 0) fail(report);
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};
  if (syscall(SYS_capset, &header, none) != 0) fail(report);
}

static void become(const struct clinux_spawn_options *options, pid_t parent, int report) {
  if (options->new_process_group && setpgid(0, 0) != 0) fail(report);
  /* With the rights of the parent: the account may not be able to get there. */
  if (options->working_directory != NULL && chdir(options->working_directory) != 0) fail(report);
  if (options->account != NULL) take_account(options->account, report);
  if (options->account != NULL || options->ruleset >= 0) {
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) fail(report);
  }
  if (options->parent_death_signal != 0) {
    /* After the change of the user, which clears it. */
    if (prctl(PR_SET_PDEATHSIG, options->parent_death_signal) != 0) fail(report);
    /* The parent may have died between fork and prctl. */
    if (getppid() != parent) _exit(127);
  }

  int descriptors[3] = {
      above_standard(options->standard_input),
      above_standard(options->standard_output),
      above_standard(options->standard_error),
  };
  for (int target = 0; target < 3; target++) {
    int source = descriptors[target];
    if (source < 0) source = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (source < 0) fail(report);
    /* dup2 onto itself would leave close-on-exec set. */
    if (source == target) {
      if (fcntl(source, F_SETFD, 0) != 0) fail(report);
    } else if (dup2(source, target) < 0) {
      fail(report);
    }
  }
  if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) != 0) {
    /* Kernels before 5.11: mark what can be open, one by one. */
    long limit = sysconf(_SC_OPEN_MAX);
    if (limit < 0 || limit > 65536) limit = 65536;
    for (int descriptor = 3; descriptor < limit; descriptor++) {
      fcntl(descriptor, F_SETFD, FD_CLOEXEC);
    }
  }
  reset_signals();
  if (options->ruleset >= 0 && clinux_landlock_restrict_self(options->ruleset) != 0) fail(report);
  execve(options->path, options->arguments, options->environment);
  if (errno == EACCES && options->executable >= 0) {
    syscall(SYS_execveat, options->executable, "", options->arguments, options->environment,
            AT_EMPTY_PATH);
  }
  fail(report);
}

pid_t clinux_spawn(const struct clinux_spawn_options *options) {
  int report[2];
  if (pipe2(report, O_CLOEXEC) != 0) return -1;
  /* The report must not sit where the child's standard descriptors go. */
  if (report[1] <= 2) {
    int moved = fcntl(report[1], F_DUPFD_CLOEXEC, 3);
    close(report[1]);
    report[1] = moved;
  }

  /* No handler of the parent may run in the child before its dispositions are reset. */
  sigset_t all, previous;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &previous);
  pid_t parent = getpid();
  pid_t child = fork();
  if (child == 0) become(options, parent, report[1]);
  int fork_error = errno;
  pthread_sigmask(SIG_SETMASK, &previous, NULL);
  close(report[1]);

  int code = 0;
  if (child > 0) {
    ssize_t count;
    do {
      count = read(report[0], &code, sizeof code);
    } while (count < 0 && errno == EINTR);
    if (count == (ssize_t)sizeof code) {
      while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {
      }
      child = -1;
    }
  } else {
    code = fork_error;
  }
  close(report[0]);
  errno = code;
  return child;
}

bool clinux_signal_is_ignored(int signal) {
  struct sigaction action;
  return sigaction(signal, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

int clinux_pipe(int *read_end, int *write_end) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return -1;
  *read_end = ends[0];
  *write_end = ends[1];
  return 0;
}
