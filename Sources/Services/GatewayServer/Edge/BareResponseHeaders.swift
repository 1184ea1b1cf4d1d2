import HTTPTypes
import NIOCore
import NIOHTTPTypes

/// Adds the security headers to answers that never reached the responder: the server's own reply
/// to a request that can't be parsed.
final class BareResponseHeaders: ChannelOutboundHandler, RemovableChannelHandler {
  typealias OutboundIn = HTTPResponsePart
  typealias OutboundOut = HTTPResponsePart

  private let headers: SecurityHeaders

  init(_ headers: SecurityHeaders) {
    self.headers = headers
  }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    guard case .head(var head) = unwrapOutboundIn(data), head.headerFields[.requestID] == nil else {
      context.write(data, promise: promise)
      return
    }
    headers.apply(to: &head.headerFields, surface: .plain, requestID: RequestID.make())
    context.write(wrapOutboundOut(.head(head)), promise: promise)
  }
}

@available(*, unavailable)
extension BareResponseHeaders: Sendable {}
