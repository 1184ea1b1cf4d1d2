import Synchronization

/// The last bytes that a service printed, for the message when it does not come up.
final class OutputTail: Sendable {
  private static let bytesMax = 4_096
  private static let linesMax = 12
  private let bytes = Mutex<[UInt8]>([])
  private let closed = Mutex(false)

  /// True once there will be no more output.
  var isClosed: Bool { closed.withLock { $0 } }

  func close() { closed.withLock { $0 = true } }

  func append(_ chunk: [UInt8]) {
    bytes.withLock { bytes in
      bytes += chunk
      bytes.removeFirst(max(0, bytes.count - Self.bytesMax))
    }
  }

  var text: String {
    let text = bytes.withLock { String(decoding: $0, as: UTF8.self) }
    return text.split(separator: "\n").suffix(Self.linesMax).joined(separator: "\n")
  }
}
