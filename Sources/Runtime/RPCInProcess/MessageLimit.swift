internal import NIOCore
internal import RPC

/// How large a message may be; as at the end of a socket, its reader refuses a larger one.
struct MessageLimit: Sendable {
  let bytesMax: Int

  func check(_ message: ByteBuffer) throws(RPCError) {
    guard message.readableBytes <= bytesMax else {
      throw RPCError(
        .resourceExhausted,
        "the message has \(message.readableBytes) bytes; at most \(bytesMax) are accepted")
    }
  }

  /// The refusal is the end of the call.
  func check(_ message: ByteBuffer, of call: InProcessCall) throws(RPCError) {
    do {
      try check(message)
    } catch {
      call.fail(error)
      throw error
    }
  }
}
