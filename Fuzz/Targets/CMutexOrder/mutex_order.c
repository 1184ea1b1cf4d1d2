/* ThreadSanitizer doesn't know the slow paths of Swift's Mutex: they are in libswiftSynchronization,
   which isn't instrumented, and end in a futex. Without these it takes a contended mutex for none and
   reports what the mutex protects. The fast paths are atomics in our own code, which it does see.

   The executable's definitions take the place of the library's; each tells ThreadSanitizer and calls
   the library's own. The mutex is Swift's `self`, hence the calling convention. */
#define _GNU_SOURCE
#include "mutex_order.h"
#include <dlfcn.h>
#include <sanitizer/tsan_interface.h>
#include <stdint.h>
#include <stdlib.h>

#define SWIFT_CALL __attribute__((swiftcall))
#define SWIFT_SELF __attribute__((swift_context))

/* Mutex's handle: `_lockSlow(_: UInt32)` and `_unlockSlow()`. */
#define LOCK_SLOW "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define UNLOCK_SLOW "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"

typedef SWIFT_CALL void lock_slow(uint32_t thread, SWIFT_SELF void *mutex);
typedef SWIFT_CALL void unlock_slow(SWIFT_SELF void *mutex);

static void *library_symbol(const char *name) {
    void *symbol = dlsym(RTLD_NEXT, name);
    if (symbol == NULL) abort();
    return symbol;
}

SWIFT_CALL void mutex_order_lock_slow(uint32_t thread, SWIFT_SELF void *mutex) __asm__(LOCK_SLOW);
SWIFT_CALL void mutex_order_unlock_slow(SWIFT_SELF void *mutex) __asm__(UNLOCK_SLOW);

SWIFT_CALL void mutex_order_lock_slow(uint32_t thread, SWIFT_SELF void *mutex) {
    ((lock_slow *)library_symbol(LOCK_SLOW))(thread, mutex);
    __tsan_acquire(mutex);
}

SWIFT_CALL void mutex_order_unlock_slow(SWIFT_SELF void *mutex) {
    __tsan_release(mutex);
    ((unlock_slow *)library_symbol(UNLOCK_SLOW))(mutex);
}
