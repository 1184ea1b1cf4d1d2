import NIOCore
import NIOHTTP1

/// Refuses status codes that HTTP doesn't have, before the HTTP client sees them.
///
/// The parser takes any three digits. The client takes everything below 200 for an interim answer
/// and traps when that answer has an end, and it would wait for another protocol after 101, which
/// nobody asked for.
final class UpstreamStatusCheck: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = HTTPClientResponsePart
  typealias InboundOut = HTTPClientResponsePart

  private var hasRefused = false

  /// Adds the check to a connection of the HTTP client.
  static func install(in channel: any Channel) -> EventLoopFuture<Void> {
    channel.eventLoop.submit {
      let pipeline = channel.pipeline.syncOperations
      let decoder = try pipeline.handler(type: ByteToMessageHandler<HTTPResponseDecoder>.self)
      try pipeline.addHandler(UpstreamStatusCheck(), position: .after(decoder))
    }
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard !hasRefused else { return }
    if case .head(let head) = unwrapInboundIn(data), !Self.isStatus(head.status.code) {
      hasRefused = true
      context.fireErrorCaught(UpstreamError.malformedAnswer("status \(head.status.code)"))
      context.close(promise: nil)
      return
    }
    context.fireChannelRead(data)
  }

  /// Final answers, and the interim ones that a client may ignore (RFC 9110, 15.2).
  static func isStatus(_ code: UInt) -> Bool { (100...999).contains(code) && code != 101 }
}

@available(*, unavailable)
extension UpstreamStatusCheck: Sendable {}
