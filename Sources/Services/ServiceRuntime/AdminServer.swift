import Addresses
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import Networking
import ServiceLifecycle
import Synchronization

/// The listener for whoever runs the service: plain HTTP/1.1 on an address of its own, which
/// belongs on loopback or a network of the operator's.
///
/// It has a thread of its own: it answers also when the service's event loops are held up.
final class AdminServer: Sendable {
  /// Connections at one time; more wait in the kernel's queue.
  static let connectionsMax = 64
  static let headBytesMax = 8 << 10
  static let headFieldsMax = 64
  /// How long a connection may take from one answer to the next: the request that is on its way and
  /// the answer that nobody takes included. Longer than Prometheus's usual interval.
  static let idleTimeout = TimeAmount.seconds(75)

  private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
  private let pages: AdminPages
  private let logger: Logger
  private let listener = Mutex<(any Channel)?>(nil)

  init(_ pages: AdminPages, logger: Logger) {
    (self.pages, self.logger) = (pages, logger)
  }

  /// Opens the listening socket and returns its port; throws `IOError` when the address is taken.
  func start(_ address: NetworkAddress) async throws -> Int {
    let (pages, logger) = (pages, logger)
    let channel = try await ServerBootstrap(group: group)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .serverChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(
            ConnectionLimit(connectionsMax: Self.connectionsMax, logger: logger))
        }
      }
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandlers([
            HTTPResponseEncoder(),
            ByteToMessageHandler(
              HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes, limitConfiguration: Self.limits)
            ),
            HTTPServerProtocolErrorHandler(), AdminHandler(pages),
          ])
        }
      }
      .bind(host: address.host, port: address.port).get()
    listener.withLock { $0 = channel }
    return channel.localAddress?.port ?? address.port
  }

  private static var limits: NIOHTTPDecoderLimitConfiguration {
    var limits = NIOHTTPDecoderLimitConfiguration()
    limits.maxHeaderFieldSize = headBytesMax
    limits.maxHeaderListSize = headBytesMax
    limits.maxHeaderFieldCount = headFieldsMax
    return limits
  }
}

extension AdminServer: Service {
  /// Serves until told to stop; what is being answered then is cut.
  func run() async throws {
    try? await gracefulShutdown()
    try? await listener.withLock { $0 }?.close()
    try? await group.shutdownGracefully()
  }
}

/// One connection: a request, an answer, the next.
private final class AdminHandler: ChannelInboundHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart

  private let pages: AdminPages
  private var head: HTTPRequestHead?
  private var timer: Scheduled<Void>?

  init(_ pages: AdminPages) {
    self.pages = pages
  }

  func handlerAdded(context: ChannelHandlerContext) {
    if context.channel.isActive { watch(context) }
  }

  func channelActive(context: ChannelHandlerContext) {
    watch(context)
    context.fireChannelActive()
  }

  func channelInactive(context: ChannelHandlerContext) {
    timer?.cancel()
    context.fireChannelInactive()
  }

  private func watch(_ context: ChannelHandlerContext) {
    timer?.cancel()
    let channel = context.channel
    timer = context.eventLoop.scheduleTask(in: AdminServer.idleTimeout) {
      channel.close(promise: nil)
    }
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head):
      guard head.headers["content-length"].allSatisfy({ Int($0) == 0 }),
        head.headers["transfer-encoding"].isEmpty
      else {
        return answer(
          head, AdminPages.Page(.payloadTooLarge, text: "requests have no body\n"), context,
          keepsConnection: false)
      }
      self.head = head
    case .body: break
    case .end:
      guard let head else { return }
      self.head = nil
      answer(
        head, pages.page(head.method, uri: head.uri), context,
        keepsConnection: head.isKeepAlive)
    }
  }

  private func answer(
    _ request: HTTPRequestHead, _ page: AdminPages.Page, _ context: ChannelHandlerContext,
    keepsConnection: Bool
  ) {
    var headers: HTTPHeaders = [
      "content-type": page.contentType, "content-length": "\(page.body.utf8.count)",
      "cache-control": "no-store", "x-content-type-options": "nosniff",
    ]
    if let allow = page.allow { headers.add(name: "allow", value: allow) }
    if !keepsConnection { headers.add(name: "connection", value: "close") }
    let head = HTTPResponseHead(version: request.version, status: page.status, headers: headers)
    context.write(wrapOutboundOut(.head(head)), promise: nil)
    if request.method != .HEAD {
      let body = context.channel.allocator.buffer(string: page.body)
      context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
    }
    let sent = context.eventLoop.makePromise(of: Void.self)
    context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: sent)
    if keepsConnection {
      watch(context)
    } else {
      let channel = context.channel
      sent.futureResult.whenComplete { _ in channel.close(promise: nil) }
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    context.close(promise: nil)
  }
}
