#ifndef CLINUX_H
#define CLINUX_H

/* Linux calls that Swift's Glibc module lacks. Every function returns -1 with errno set on failure
 * unless it says otherwise. */

#include <stddef.h>
#include <stdint.h>

#include "clinux_spawn.h"

/* Readiness bits. Plain literals, because Swift imports EPOLLIN and friends as a distinct type. */
#define CLINUX_EPOLLIN 0x001u
#define CLINUX_EPOLLOUT 0x004u
#define CLINUX_EPOLLERR 0x008u
#define CLINUX_EPOLLHUP 0x010u
#define CLINUX_EPOLLRDHUP 0x2000u
#define CLINUX_EPOLLONESHOT 0x40000000u
#define CLINUX_EPOLLET 0x80000000u

/* One readiness report. The kernel's struct is packed on x86-64, which Swift should not touch. */
struct clinux_epoll_event {
  uint32_t events;
  uint64_t data;
};

/* At most this many reports come back from one clinux_epoll_wait. */
#define CLINUX_EPOLL_EVENTS_MAX 64

/* A new epoll descriptor, close-on-exec. */
int clinux_epoll_create(void);
int clinux_epoll_ctl_add(int epoll, int descriptor, uint32_t events, uint64_t data);
int clinux_epoll_ctl_mod(int epoll, int descriptor, uint32_t events, uint64_t data);
int clinux_epoll_ctl_del(int epoll, int descriptor);

/* Waits for up to timeout_ms milliseconds (-1: for ever) and returns how many of `events` were
 * filled, at most CLINUX_EPOLL_EVENTS_MAX. A signal gives -1 with EINTR: the caller owns the time
 * that is left. */
int clinux_epoll_wait(int epoll, struct clinux_epoll_event *events, int count, int timeout_ms);

/* Keeps pages out of swap. Fails with ENOMEM or EPERM past RLIMIT_MEMLOCK. */
int clinux_memory_lock(void *address, size_t byte_count);
/* Leaves whole pages out of core dumps. */
int clinux_memory_exclude_from_dumps(void *address, size_t byte_count);
/* Overwrites memory with zeros in a way that the optimiser may not remove. Cannot fail. */
void clinux_explicit_bzero(void *address, size_t byte_count);

/* Sets (1) or clears (0) the process's dumpable flag: cleared, there are no core dumps and no
 * ptrace or /proc/PID/mem access by the same user. */
int clinux_set_dumpable(int dumpable);
/* The dumpable flag. */
int clinux_get_dumpable(void);

/* Whether a time service keeps the kernel's clock right (1), or none is known of (0). */
int clinux_clock_is_synchronized(void);

#endif
