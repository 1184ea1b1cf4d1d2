import CLinux
import Foundation

/// The few pipe operations that starting a child needs; descriptors are close-on-exec.
enum Pipe {
  /// What a pipe takes without a reader (pipe(7)).
  static let inputBytesMax = 65_536
  private static let readBytes = 16_384

  static func make() throws -> (read: Int32, write: Int32) {
    var (read, write): (Int32, Int32) = (-1, -1)
    guard clinux_pipe(&read, &write) == 0 else {
      throw DeploymentError.environment("cannot create a pipe: \(String(cString: strerror(errno)))")
    }
    return (read, write)
  }

  /// The read end of a pipe that holds exactly `bytes`.
  static func filled(with bytes: [UInt8]) throws -> Int32 {
    guard bytes.count <= inputBytesMax else {
      throw DeploymentError.environment("input of a program exceeds \(inputBytesMax) bytes")
    }
    let ends = try make()
    defer { close(ends.write) }
    // Non-blocking: a short write must be an error, never a wait for a reader that comes later.
    _ = fcntl(ends.write, F_SETFL, O_NONBLOCK)
    guard write(ends.write, bytes, bytes.count) == bytes.count else {
      close(ends.read)
      throw DeploymentError.environment("cannot fill a pipe with \(bytes.count) bytes")
    }
    return ends.read
  }

  /// Hands everything read to `consume`, then nil, and closes the descriptor.
  static func drain(_ descriptor: Int32, into consume: ([UInt8]?) -> Void) {
    while true {
      let chunk = [UInt8](unsafeUninitializedCapacity: readBytes) { buffer, count in
        var result: Int
        repeat {
          result = read(descriptor, buffer.baseAddress, readBytes)
        } while result < 0 && errno == EINTR
        count = max(result, 0)
      }
      if chunk.isEmpty { break }
      consume(chunk)
    }
    close(descriptor)
    consume(nil)
  }
}
