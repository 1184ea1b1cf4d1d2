package import Cryptography
import Glibc

/// Why a file can't be read or written.
package struct FileError: Error, Hashable, CustomStringConvertible {
  package let path: String
  package let reason: String
  /// There is no such file.
  package let isMissing: Bool

  package init(path: String, reason: String, isMissing: Bool = false) {
    self.path = path
    self.reason = reason
    self.isMissing = isMissing
  }

  /// The system's word for what has just failed: `errno`.
  package init(path: String) {
    let code = errno
    self.init(path: path, reason: String(cString: strerror(code)), isMissing: code == ENOENT)
  }

  package var description: String { "\(path): \(reason)" }
}

/// The whole of a small file, read into locked memory.
package struct SecretFile: Sendable {
  package let contents: SecretBytes
  /// Everybody on the machine may read it; the owner should know.
  package let isReadableByOthers: Bool

  /// Follows symbolic links, as secrets are often mounted; throws for a directory and for more than
  /// `bytesMax` bytes.
  package init(reading path: String, bytesMax: Int) throws(FileError) {
    let file = try FileDescriptor(reading: path)
    let mode = try file.mode()
    contents = try SecretBytes(capacity: bytesMax + 1) { (buffer) throws(FileError) in
      try file.fill(buffer)
    }
    guard contents.count <= bytesMax else { throw .tooLarge(path, bytesMax: bytesMax) }
    isReadableByOthers = mode & S_IROTH != 0
  }
}

/// The whole of a small file that holds no secret, or one that is kept in ordinary memory anyway.
package enum SmallFile {
  /// Nil when there is no file; throws as `SecretFile` does.
  package static func read(_ path: String, bytesMax: Int) throws(FileError) -> [UInt8]? {
    do throws(FileError) {
      return try contents(of: try FileDescriptor(reading: path), bytesMax: bytesMax)
    } catch {
      if error.isMissing { return nil }
      throw error
    }
  }

  private static func contents(
    of file: borrowing FileDescriptor, bytesMax: Int
  ) throws(FileError) -> [UInt8] {
    _ = try file.mode()
    var bytes: [UInt8] = []
    while bytes.count <= bytesMax {
      let room = min(bytesMax + 1 - bytes.count, 64 << 10)
      var chunk = [UInt8](repeating: 0, count: room)
      var result: Result<Int, FileError> = .success(0)
      chunk.withUnsafeMutableBytes { buffer in
        result = Result { () throws(FileError) in try file.fill(buffer) }
      }
      chunk.removeLast(room - (try result.get()))
      if chunk.isEmpty { return bytes }
      bytes += chunk
    }
    throw .tooLarge(file.path, bytesMax: bytesMax)
  }
}

extension FileError {
  fileprivate static func tooLarge(_ path: String, bytesMax: Int) -> FileError {
    FileError(path: path, reason: "it is larger than \(bytesMax) bytes")
  }
}

/// An open file, closed with the value.
struct FileDescriptor: ~Copyable {
  let path: String
  let number: Int32

  init(path: String, flags: Int32, mode: mode_t = 0) throws(FileError) {
    let number = open(path, flags | O_CLOEXEC, mode)
    guard number >= 0 else { throw FileError(path: path) }
    self.path = path
    self.number = number
  }

  init(reading path: String) throws(FileError) {
    try self.init(path: path, flags: O_RDONLY)
  }

  deinit {
    close(number)
  }

  /// Its mode; throws for a directory.
  func mode() throws(FileError) -> mode_t {
    var status = stat()
    guard fstat(number, &status) == 0 else { throw FileError(path: path) }
    guard status.st_mode & S_IFMT != S_IFDIR else {
      throw FileError(path: path, reason: "it is a directory")
    }
    return status.st_mode
  }

  /// Reads until the buffer is full or the file ends; returns how much.
  func fill(_ buffer: UnsafeMutableRawBufferPointer) throws(FileError) -> Int {
    guard let start = buffer.baseAddress else { return 0 }
    var filled = 0
    while filled < buffer.count {
      let count = read(number, start + filled, buffer.count - filled)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw FileError(path: path) }
      if count == 0 { break }
      filled += count
    }
    return filled
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws(FileError) {
    guard let start = bytes.baseAddress else { return }
    var written = 0
    while written < bytes.count {
      let count = Glibc.write(number, start + written, bytes.count - written)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw FileError(path: path) }
      written += count
    }
  }
}
