#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/timex.h>
#include <unistd.h>

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1U << 2)
#endif

_Static_assert(CLINUX_EPOLLIN == EPOLLIN && CLINUX_EPOLLOUT == EPOLLOUT, "epoll bits");
_Static_assert(CLINUX_EPOLLERR == EPOLLERR && CLINUX_EPOLLHUP == EPOLLHUP, "epoll bits");
_Static_assert(CLINUX_EPOLLRDHUP == EPOLLRDHUP, "epoll bits");
_Static_assert(CLINUX_EPOLLONESHOT == EPOLLONESHOT && CLINUX_EPOLLET == EPOLLET, "epoll bits");

int clinux_epoll_create(void) { return epoll_create1(EPOLL_CLOEXEC); }

static int control(int epoll, int operation, int descriptor, uint32_t events, uint64_t data) {
  struct epoll_event event = {.events = events, .data.u64 = data};
  return epoll_ctl(epoll, operation, descriptor, &event);
}

int clinux_epoll_ctl_add(int epoll, int descriptor, uint32_t events, uint64_t data) {
  return control(epoll, EPOLL_CTL_ADD, descriptor, events, data);
}

int clinux_epoll_ctl_mod(int epoll, int descriptor, uint32_t events, uint64_t data) {
  return control(epoll, EPOLL_CTL_MOD, descriptor, events, data);
}

int clinux_epoll_ctl_del(int epoll, int descriptor) {
  return control(epoll, EPOLL_CTL_DEL, descriptor, 0, 0);
}

int clinux_epoll_wait(int epoll, struct clinux_epoll_event *events, int count, int timeout_ms) {
  struct epoll_event ready[CLINUX_EPOLL_EVENTS_MAX];
  if (count > CLINUX_EPOLL_EVENTS_MAX) count = CLINUX_EPOLL_EVENTS_MAX;
  int filled = epoll_wait(epoll, ready, count, timeout_ms);
  for (int index = 0; index < filled; index++) {
    events[index].events = ready[index].events;
    events[index].data = ready[index].data.u64;
  }
  return filled;
}

int clinux_memory_lock(void *address, size_t byte_count) { return mlock(address, byte_count); }

int clinux_memory_exclude_from_dumps(void *address, size_t byte_count) {
  return madvise(address, byte_count, MADV_DONTDUMP);
}

void clinux_explicit_bzero(void *address, size_t byte_count) {
  explicit_bzero(address, byte_count);
}

int clinux_set_dumpable(int dumpable) {
  return prctl(PR_SET_DUMPABLE, (unsigned long)(dumpable != 0), 0UL, 0UL, 0UL);
}

int clinux_get_dumpable(void) { return prctl(PR_GET_DUMPABLE, 0UL, 0UL, 0UL, 0UL); }

int clinux_clock_is_synchronized(void) {
  struct timex parameters = {.modes = 0};
  int state = adjtimex(&parameters);
  return state >= 0 && state != TIME_ERROR;
}
