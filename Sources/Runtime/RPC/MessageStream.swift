package import NIOCore

/// A packed message as it arrived.
package struct ReceivedMessage: Sendable {
  /// Decompressed.
  package let bytes: ByteBuffer
  package let isCompressed: Bool

  package init(_ bytes: ByteBuffer, isCompressed: Bool = false) {
    self.bytes = bytes
    self.isCompressed = isCompressed
  }
}

/// The messages of one direction of a call, in order; for one reader at a time.
///
/// Its sender may send more only when a message is taken from here: what may wait
/// unread is bounded by the stream's flow-control window and one message.
package protocol MessageSource: Sendable {
  /// Waits for a message; nil after the last one.
  ///
  /// Throws what ended the call instead: CANCELLED, DEADLINE_EXCEEDED, or at a client the status.
  func next() async throws(RPCError) -> ReceivedMessage?
}

/// Where the messages of one direction of a call go, in order; for one writer at a time.
package protocol MessageSink: Sendable {
  /// Queues a message and waits while the stream's queue is full, because its reader is slow.
  ///
  /// `isCompressed` nil leaves that to the call. Throws what ended the call.
  func write(_ message: ByteBuffer, isCompressed: Bool?) async throws(RPCError)
}

/// A server's half of a streaming call.
package protocol ResponseSink: MessageSink {
  /// Sends the initial metadata now, before there is a message.
  func sendMetadata() async throws(RPCError)
}

/// A client's view of a streaming call.
package protocol ClientStream: MessageSource, MessageSink {
  /// No more requests: the server's handler sees the end of its stream.
  func finish()
  /// Waits for the beginning of the answer.
  func initialMetadata() async throws(RPCError) -> Metadata
  /// The metadata that came with the status; empty until `next` has returned nil or thrown.
  var trailers: Metadata { get }
}
