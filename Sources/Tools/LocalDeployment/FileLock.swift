import Foundation

/// An exclusive `flock` on a file, held as long as the object lives; the kernel drops it when the
/// process dies, however it dies.
final class FileLock: Sendable {
  private let descriptor: Int32

  /// - Throws: `DeploymentError.inUse` naming `owner` when another process holds it.
  init(path: String, protecting owner: String) throws {
    let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else { throw SecretFile.failure(path) }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      let error: DeploymentError =
        errno == EWOULDBLOCK ? .inUse(path: owner) : SecretFile.failure(path)
      close(descriptor)
      throw error
    }
    self.descriptor = descriptor
  }

  deinit {
    // Unlocked by name: a child between its fork and its exec still holds a copy of the descriptor.
    flock(descriptor, LOCK_UN)
    close(descriptor)
  }
}
