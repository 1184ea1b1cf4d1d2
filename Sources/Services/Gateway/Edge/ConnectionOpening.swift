import NIOCore
import NIOExtras

/// Looks at the first bytes of a connection, has it made what they say it is, and leaves.
///
/// Confined to the connection's event loop.
final class ConnectionOpening: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer

  enum FirstBytes: Equatable {
    /// A record of type handshake (RFC 8446, 5.1).
    case tls
    /// The preface of HTTP/2 in the clear, by prior knowledge (RFC 9113, 3.4).
    case http2
    case http1

    private static let handshake: UInt8 = 22
    /// No method of HTTP/1.1 begins with it.
    private static let preface = Array("PRI ".utf8)

    /// Nil while more bytes are needed.
    init?(_ bytes: ByteBufferView) {
      guard let first = bytes.first else { return nil }
      if first == Self.handshake {
        self = .tls
      } else if bytes.starts(with: Self.preface) {
        self = .http2
      } else if Self.preface.starts(with: bytes) {
        return nil
      } else {
        self = .http1
      }
    }
  }

  private let timeout: TimeAmount
  private let open: (FirstBytes) throws -> Void
  private var bytes = ByteBuffer()
  private var timer: Scheduled<Void>?
  private var isDone = false

  /// - Parameters:
  ///   - timeout: how long a client may be silent.
  ///   - open: adds the handlers behind this one.
  init(timeout: TimeAmount, open: @escaping (FirstBytes) throws -> Void) {
    (self.timeout, self.open) = (timeout, open)
  }

  func channelActive(context: ChannelHandlerContext) {
    timer = context.eventLoop.assumeIsolatedUnsafeUnchecked().scheduleTask(in: timeout) {
      context.close(promise: nil)
    }
    context.fireChannelActive()
    context.read()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard !isDone else { return context.fireChannelRead(data) }
    var data = unwrapInboundIn(data)
    bytes.writeBuffer(&data)
    guard let first = FirstBytes(bytes.readableBytesView) else { return }
    isDone = true
    timer?.cancel()
    do {
      try open(first)
    } catch {
      return context.close(promise: nil)
    }
    context.fireChannelRead(wrapInboundOut(bytes))
    bytes = ByteBuffer()
    context.pipeline.syncOperations.removeHandler(self, promise: nil)
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    if isDone { context.fireChannelReadComplete() } else { context.read() }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if !isDone, event is ChannelShouldQuiesceEvent || event as? ChannelEvent == .inputClosed {
      context.close(promise: nil)
    } else {
      context.fireUserInboundEventTriggered(event)
    }
  }

  func channelInactive(context: ChannelHandlerContext) {
    timer?.cancel()
    context.fireChannelInactive()
  }
}

@available(*, unavailable)
extension ConnectionOpening: Sendable {}
