internal import Glibc

/// A counting semaphore of the C library, for threads that may block.
///
/// Unchecked: the semaphore never moves and its operations are thread-safe.
final class Semaphore: @unchecked Sendable {
  private let pointer: UnsafeMutablePointer<sem_t>

  init() {
    pointer = .allocate(capacity: 1)
    pointer.initialize(to: sem_t())
    sem_init(pointer, 0, 0)
  }

  deinit {
    sem_destroy(pointer)
    pointer.deallocate()
  }

  func signal() {
    sem_post(pointer)
  }

  func wait() {
    // A signal handler that ran meanwhile is no reason to stop waiting.
    while sem_wait(pointer) != 0, errno == EINTR {}
  }
}
