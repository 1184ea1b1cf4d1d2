import Cryptography
import DotEnv
import Foundation

/// The file that the operator named, in locked memory.
enum EnvironmentFile {
  static func read(_ path: String) throws -> SecretBytes {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw failure(path) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw failure(path) }
    guard status.st_mode & S_IFMT != S_IFDIR else { throw CommandError("\(path): is a directory") }
    // One byte more than allowed, so that the parser sees that there is too much.
    return try SecretBytes(capacity: DotEnvFile.bytesMax + 1) { (buffer) throws(CommandError) in
      var filled = 0
      while filled < buffer.count {
        let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[filled...])
        let count = Foundation.read(descriptor, rest.baseAddress, rest.count)
        if count < 0, errno == EINTR { continue }
        guard count >= 0 else { throw failure(path) }
        if count == 0 { break }
        filled += count
      }
      return filled
    }
  }

  private static func failure(_ path: String) -> CommandError {
    CommandError("\(path): \(String(cString: strerror(errno)))")
  }
}
