import Files
import Foundation

/// The file that a backup is written to: under another name until it is whole.
package final class BackupFile: Sendable {
  package static let partialSuffix = ".partial"

  let descriptor: Descriptor
  private let path: String?

  private var partialPath: String { (path ?? "") + Self.partialSuffix }

  /// - Throws: `DeploymentError.file` when there is such a file already, or it can't be made.
  init(_ destination: DatabaseBackup.Destination) throws {
    switch destination {
    case .standardOutput:
      guard isatty(STDOUT_FILENO) == 0 else {
        throw DeploymentError.environment("a backup is not written to a terminal; name a file")
      }
      path = nil
      descriptor = Descriptor(owning: dup(STDOUT_FILENO))
    case .file(let path):
      guard access(path, F_OK) != 0 else {
        throw DeploymentError.file(path: path, reason: "is there already; nothing was changed")
      }
      self.path = path
      let partial = path + Self.partialSuffix
      try Self.removeRemains(partial)
      let number = open(partial, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
      guard number >= 0 else { throw SecretFile.failure(path) }
      descriptor = Descriptor(owning: number)
      // Shows that somebody is at it; ends with the process.
      _ = flock(number, LOCK_EX | LOCK_NB)
    }
  }

  /// Removes what a run has left that was killed.
  ///
  /// - Throws: `DeploymentError.inUse` when that run still goes on.
  package static func removeRemains(_ partial: String) throws {
    let number = open(partial, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
    guard number >= 0 else { return }
    let remains = Descriptor(owning: number)
    guard flock(remains.number, LOCK_EX | LOCK_NB) == 0 else {
      throw DeploymentError.file(path: partial, reason: "another backup is being written to it")
    }
    unlink(partial)
  }

  /// Nil for standard output.
  var byteCount: Int? {
    var status = stat()
    guard let path, stat(path, &status) == 0 else { return nil }
    return Int(status.st_size)
  }

  /// Gives the file its name once all of it has reached the disk.
  func keep() throws {
    guard let path else { return }
    guard fsync(descriptor.number) == 0 else { throw SecretFile.failure(path) }
    // Not rename, which would replace a file that has come meanwhile.
    guard link(partialPath, path) == 0 else { throw SecretFile.failure(path) }
    unlink(partialPath)
    descriptor.close()
    try SecretFile.synchronize(directoryOf: path)
  }

  func discard() {
    descriptor.close()
    if path != nil { unlink(partialPath) }
  }
}
