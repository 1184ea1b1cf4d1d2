internal import Cryptography
internal import Glibc

/// A file that holds the value of one setting.
struct SettingFile {
  /// Why a file can't be used.
  struct Failure: Error {
    let reason: String
  }

  /// Without the line break that editors leave at the end.
  let contents: SecretBytes
  let isReadableByOthers: Bool

  static func read(_ path: String, bytesMax: Int) throws(Failure) -> SettingFile {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw Failure(reason: String(cString: strerror(errno))) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      throw Failure(reason: String(cString: strerror(errno)))
    }
    guard status.st_mode & S_IFMT != S_IFDIR else { throw Failure(reason: "it is a directory") }
    let contents = try SecretBytes(capacity: bytesMax + 1) { (buffer) throws(Failure) in
      try fill(buffer, from: descriptor)
    }
    guard contents.count <= bytesMax else {
      throw Failure(reason: "it is larger than \(bytesMax) bytes")
    }
    let trimmed = withoutLineBreak(contents)
    guard trimmed.count > 0 else { throw Failure(reason: "it is empty") }
    return SettingFile(contents: trimmed, isReadableByOthers: status.st_mode & S_IROTH != 0)
  }

  /// Reads straight into the secret's own memory, so that no copy is left behind.
  private static func fill(
    _ buffer: UnsafeMutableRawBufferPointer, from descriptor: Int32
  ) throws(Failure) -> Int {
    guard let start = buffer.baseAddress else { return 0 }
    var filled = 0
    while filled < buffer.count {
      let count = Glibc.read(descriptor, start + filled, buffer.count - filled)
      if count < 0 {
        if errno == EINTR { continue }
        throw Failure(reason: String(cString: strerror(errno)))
      }
      if count == 0 { break }
      filled += count
    }
    return filled
  }

  private static func withoutLineBreak(_ contents: SecretBytes) -> SecretBytes {
    contents.withUnsafeBytes { bytes in
      var end = bytes.count
      if end > 0, bytes[end - 1] == UInt8(ascii: "\n") {
        end -= 1
        if end > 0, bytes[end - 1] == UInt8(ascii: "\r") { end -= 1 }
      }
      return SecretBytes(copying: UnsafeRawBufferPointer(rebasing: bytes[..<end]))
    }
  }
}
