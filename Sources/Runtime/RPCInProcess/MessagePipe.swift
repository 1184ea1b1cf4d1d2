import NIOCore
import RPC

/// One direction of a call: messages in order, from one writer to one reader, in bounded memory.
struct MessagePipe: MessageSource {
  /// A writer waits while this much is unread, so that at most one message more is.
  static let unreadBytesMax = 64 << 10

  private enum End {
    /// The reader gets it after the messages that wait.
    case finished(RPCError?)
    /// For both ends, at once.
    case broken(RPCError)
  }

  private struct State {
    var messages = CircularBuffer<ReceivedMessage>()
    var unreadBytes = 0
    var end: End?

    mutating func take() -> Result<ReceivedMessage?, RPCError>? {
      if let message = messages.popFirst() {
        unreadBytes -= Self.bytes(message)
        return .success(message)
      }
      return switch end {
      case nil: nil
      case .finished(nil)?: .success(nil)
      case .finished(let error?)?, .broken(let error)?: .failure(error)
      }
    }

    mutating func put(_ message: ReceivedMessage) -> Result<Void, RPCError>? {
      switch end {
      case nil: break
      case .finished?: return .failure(RPCError(.internal, "a write after the end of the stream"))
      case .broken(let error)?: return .failure(error)
      }
      guard unreadBytes < MessagePipe.unreadBytesMax else { return nil }
      unreadBytes += Self.bytes(message)
      messages.append(message)
      return .success(())
    }

    /// With what a socket would carry around it: empty messages are not for nothing.
    private static func bytes(_ message: ReceivedMessage) -> Int {
      Envelope.prefixBytes + message.bytes.readableBytes
    }
  }

  private let monitor = Monitor(State())

  func next() async throws(RPCError) -> ReceivedMessage? {
    try await monitor.wait { $0.take() }
  }

  func write(_ message: ReceivedMessage) async throws(RPCError) {
    try await monitor.wait { $0.put(message) }
  }

  /// No more messages: the reader gets those that wait, and then the end or `failure`.
  func finish(throwing failure: RPCError? = nil) {
    monitor.change { state in
      if state.end == nil { state.end = .finished(failure) }
    }
  }

  /// Both ends get `error`, and messages that wait are gone.
  func fail(_ error: RPCError) {
    monitor.change { state in
      if case .broken? = state.end { return }
      state.end = .broken(error)
      state.messages.removeAll()
      state.unreadBytes = 0
    }
  }
}
