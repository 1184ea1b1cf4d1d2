import NIOCore
import RPC
import Synchronization

/// The client's view of a call in memory.
final class InProcessClientStream: ClientStream {
  private let call: InProcessCall
  private let encoding: MessageEncoding
  private let limit: MessageLimit
  private let received = Mutex(Metadata())

  init(_ call: InProcessCall, encoding: MessageEncoding, limit: MessageLimit) {
    self.call = call
    self.encoding = encoding
    self.limit = limit
  }

  var trailers: Metadata { received.withLock { $0 } }

  func write(_ message: ByteBuffer, isCompressed: Bool?) async throws(RPCError) {
    let isCompressed = isCompressed ?? true && encoding == .gzip
    try await call.requests.write(ReceivedMessage(message, isCompressed: isCompressed))
  }

  func finish() {
    call.requests.finish()
  }

  func initialMetadata() async throws(RPCError) -> Metadata {
    try await call.head.wait { $0 }
  }

  func next() async throws(RPCError) -> ReceivedMessage? {
    do throws(RPCError) {
      guard let message = try await call.responses.next() else {
        received.withLock { $0 = call.trailers }
        return nil
      }
      try limit.check(message.bytes, of: call)
      return message
    } catch {
      received.withLock { $0 = call.trailers }
      throw error
    }
  }
}

/// What the handler of a call in memory reads.
struct InProcessRequests: MessageSource {
  let call: InProcessCall
  let limit: MessageLimit

  func next() async throws(RPCError) -> ReceivedMessage? {
    guard let message = try await call.requests.next() else { return nil }
    try limit.check(message.bytes, of: call)
    return message
  }
}

/// Where it writes.
struct InProcessResponses: ResponseSink {
  let call: InProcessCall
  let context: ServerContext

  func sendMetadata() async throws(RPCError) {
    call.begin(context.response)
  }

  func write(_ message: ByteBuffer, isCompressed: Bool?) async throws(RPCError) {
    let response = context.response
    call.begin(response)
    try await call.responses.write(
      ReceivedMessage(message, isCompressed: isCompressed ?? response.isCompressed))
  }
}
