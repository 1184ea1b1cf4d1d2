import CLinux
import Foundation
import Synchronization

/// An open file or the end of a pipe, closed with the object at the latest.
final class Descriptor: Sendable {
  let number: Int32
  private let isOpen = Mutex(true)

  init(owning number: Int32) { self.number = number }

  deinit { close() }

  /// Nobody may be reading or writing it any more: its number may become another file's.
  func close() {
    isOpen.withLock { isOpen in
      if isOpen { Foundation.close(number) }
      isOpen = false
    }
  }

  /// Reads until `countMax` bytes are there or the other side has ended.
  ///
  /// - Throws: `DeploymentError.environment` with the system's reason.
  func read(upTo countMax: Int) throws -> [UInt8] {
    var failure: Int32 = 0
    let bytes = [UInt8](unsafeUninitializedCapacity: countMax) { buffer, count in
      guard let start = buffer.baseAddress else { return }
      while count < countMax {
        let result = Foundation.read(number, start + count, countMax - count)
        if result < 0, errno == EINTR { continue }
        if result < 0 { failure = errno }
        guard result > 0 else { break }
        count += result
      }
    }
    guard failure == 0 else {
      throw DeploymentError.environment("cannot read: \(String(cString: strerror(failure)))")
    }
    return bytes
  }

  /// Writes all of it, waiting for the reader; the process must ignore SIGPIPE.
  ///
  /// - Throws: `DeploymentError.environment` with the system's reason; a reader that has ended is
  ///   one.
  func write(_ bytes: [UInt8]) throws {
    try bytes.withUnsafeBytes { buffer in
      guard let start = buffer.baseAddress else { return }
      var written = 0
      while written < buffer.count {
        let result = Foundation.write(number, start + written, buffer.count - written)
        if result < 0, errno == EINTR { continue }
        guard result > 0 else {
          throw DeploymentError.environment("cannot write: \(String(cString: strerror(errno)))")
        }
        written += result
      }
    }
  }
}

/// The few pipe operations that starting a child needs; descriptors are close-on-exec.
enum Pipe {
  /// What a pipe takes without a reader (pipe(7)).
  static let inputBytesMax = 65_536
  private static let readBytes = 16_384

  static func make() throws -> (read: Descriptor, write: Descriptor) {
    var (read, write): (Int32, Int32) = (-1, -1)
    guard clinux_pipe(&read, &write) == 0 else {
      throw DeploymentError.environment("cannot create a pipe: \(String(cString: strerror(errno)))")
    }
    return (Descriptor(owning: read), Descriptor(owning: write))
  }

  /// The read end of a pipe that holds exactly `bytes`.
  static func filled(with bytes: [UInt8]) throws -> Descriptor {
    guard bytes.count <= inputBytesMax else {
      throw DeploymentError.environment("input of a program exceeds \(inputBytesMax) bytes")
    }
    let ends = try make()
    defer { ends.write.close() }
    // Non-blocking: a short write must be an error, never a wait for a reader that comes later.
    _ = fcntl(ends.write.number, F_SETFL, O_NONBLOCK)
    guard write(ends.write.number, bytes, bytes.count) == bytes.count else {
      throw DeploymentError.environment("cannot fill a pipe with \(bytes.count) bytes")
    }
    return ends.read
  }

  /// Hands everything read to `consume`, then nil, and closes the descriptor.
  static func drain(_ descriptor: Descriptor, into consume: ([UInt8]?) -> Void) {
    while true {
      let chunk = [UInt8](unsafeUninitializedCapacity: readBytes) { buffer, count in
        var result: Int
        repeat {
          result = read(descriptor.number, buffer.baseAddress, readBytes)
        } while result < 0 && errno == EINTR
        count = max(result, 0)
      }
      if chunk.isEmpty { break }
      consume(chunk)
    }
    descriptor.close()
    consume(nil)
  }
}
