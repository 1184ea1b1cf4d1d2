import Glibc
import NIOCore
import NIOPosix
import Synchronization

/// Writes lines of a log, those of one round of an event loop together: a system call for each cost
/// more than making the line.
///
/// Nothing waits for more than that round. A line that is urgent, or doesn't come from an event
/// loop, goes out at once, behind those that wait. A process that traps loses the lines of its last
/// round.
package final class LineWriter: Sendable {
  /// With so much waiting, it goes out before the round is over.
  static let waitingBytesMax = 32 << 10

  package static let standardError: LineWriter = {
    // For the lines of event loops that don't get another round.
    atexit { LineWriter.standardError.flush() }
    return LineWriter { writeAll($0, to: STDERR_FILENO) }
  }()

  private struct State {
    var waiting: [UInt8] = []
    /// The event loop that will write next.
    var writer: ObjectIdentifier?
  }

  private let state = Mutex(State())
  private let output: @Sendable ([UInt8]) -> Void

  init(_ output: @escaping @Sendable ([UInt8]) -> Void) {
    self.output = output
  }

  func write(_ line: [UInt8], isUrgent: Bool) {
    let eventLoop = isUrgent ? nil : MultiThreadedEventLoopGroup.currentEventLoop
    let mustSchedule = state.withLock { state -> Bool in
      state.waiting += line
      guard let eventLoop, state.waiting.count < Self.waitingBytesMax else {
        flush(&state)
        return false
      }
      // Each loop for itself: another one may be held up.
      let loop = ObjectIdentifier(eventLoop)
      defer { state.writer = loop }
      return state.writer != loop
    }
    if mustSchedule { eventLoop?.execute { self.flush() } }
  }

  private func flush() {
    state.withLock { flush(&$0) }
  }

  /// Under the lock, so that lines keep their order.
  private func flush(_ state: inout State) {
    state.writer = nil
    guard !state.waiting.isEmpty else { return }
    output(state.waiting)
    if state.waiting.capacity > 2 * Self.waitingBytesMax {
      state.waiting = []
    } else {
      state.waiting.removeAll(keepingCapacity: true)
    }
  }

  /// A full or closed pipe loses the rest rather than stopping the service.
  private static func writeAll(_ lines: [UInt8], to descriptor: CInt) {
    lines.withUnsafeBytes { bytes in
      var offset = 0
      while offset < bytes.count {
        let count = Glibc.write(
          descriptor, bytes.baseAddress.map { $0 + offset }, bytes.count - offset)
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { return }
        offset += count
      }
    }
  }
}
