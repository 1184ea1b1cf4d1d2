internal import NIOCore
internal import RPC

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
