import Foundation

/// Files of the state directory: created with their final mode, replaced atomically.
enum SecretFile {
  /// Nothing in the state directory that is read whole is larger.
  static let bytesMax = 1 << 20

  /// Writes `bytes` beside `path` with mode `mode` from the first moment on, then renames.
  static func write(
    _ bytes: UnsafeRawBufferPointer, to path: String, mode: mode_t = 0o600
  ) throws {
    let temporary = "\(path).\(getpid()).new"
    // Left behind by a crashed process with our id, if at all.
    unlink(temporary)
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode)
    guard descriptor >= 0 else { throw failure(path) }
    do {
      defer { close(descriptor) }
      var offset = 0
      while offset < bytes.count {
        let rest = UnsafeRawBufferPointer(rebasing: bytes[offset...])
        let count = Foundation.write(descriptor, rest.baseAddress, rest.count)
        if count < 0, errno == EINTR { continue }
        guard count > 0 else {
          defer { unlink(temporary) }
          throw failure(path)
        }
        offset += count
      }
      // fchmod: the process's umask may have taken bits away.
      guard fchmod(descriptor, mode) == 0, fsync(descriptor) == 0 else {
        defer { unlink(temporary) }
        throw failure(path)
      }
    }
    guard rename(temporary, path) == 0 else {
      defer { unlink(temporary) }
      throw failure(path)
    }
  }

  static func write(_ bytes: [UInt8], to path: String, mode: mode_t = 0o600) throws {
    try bytes.withUnsafeBytes { try write($0, to: path, mode: mode) }
  }

  static func write(_ text: String, to path: String, mode: mode_t = 0o600) throws {
    try write([UInt8](text.utf8), to: path, mode: mode)
  }

  /// The whole file; nil when there is none.
  static func read(_ path: String) throws -> [UInt8]? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      if errno == ENOENT { return nil }
      throw failure(path)
    }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    while bytes.count <= bytesMax {
      let wanted = bytesMax + 1 - bytes.count
      let chunk = [UInt8](unsafeUninitializedCapacity: min(wanted, 16_384)) { buffer, count in
        count = max(0, Foundation.read(descriptor, buffer.baseAddress, buffer.count))
      }
      if chunk.isEmpty { return bytes }
      bytes += chunk
    }
    throw DeploymentError.file(path: path, reason: "larger than \(bytesMax) bytes")
  }

  /// The text of a file without its last newline; nil when there is none.
  static func readLine(_ path: String) throws -> String? {
    try read(path).map { bytes in
      String(decoding: bytes, as: UTF8.self).trimmingCharacters(in: .newlines)
    }
  }

  /// Creates a directory, or checks an existing one, and sets its mode.
  static func makeDirectory(_ path: String, mode: mode_t = 0o700) throws {
    guard mkdir(path, mode) == 0 || errno == EEXIST else { throw failure(path) }
    var status = stat()
    guard lstat(path, &status) == 0 else { throw failure(path) }
    guard status.st_mode & S_IFMT == S_IFDIR else {
      throw DeploymentError.file(path: path, reason: "is not a directory")
    }
    guard chmod(path, mode) == 0 else { throw failure(path) }
  }

  static func failure(_ path: String) -> DeploymentError {
    .file(path: path, reason: String(cString: strerror(errno)))
  }
}
