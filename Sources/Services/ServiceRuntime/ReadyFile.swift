internal import Glibc

/// Tells whoever started this process where it listens, once it does.
struct ReadyFile: Sendable {
  /// Nil: nobody wants to know.
  let path: String?

  /// A file left behind by an earlier run must not be believed.
  func remove() {
    if let path { _ = unlink(path) }
  }

  /// Writes `address` and a line break; readers see nothing or all of it.
  func write(_ address: NetworkAddress) throws {
    guard let path else { return }
    let temporary = "\(path).\(getpid())"
    let text = Array("\(address)\n".utf8)
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw StartupError.readyFile(path, errno: errno) }
    let written = Glibc.write(descriptor, text, text.count)
    let code = errno
    close(descriptor)
    guard written == text.count else { throw StartupError.readyFile(path, errno: code) }
    guard rename(temporary, path) == 0 else { throw StartupError.readyFile(path, errno: errno) }
  }
}
