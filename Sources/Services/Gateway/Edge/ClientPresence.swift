package import NIOCore
package import NIOHTTPTypes

/// Watches whether the client of a connection is still there while a proxied request runs, and
/// cancels the connection's task when it is not.
///
/// Confined to the connection's event loop. A half-closed connection counts as a client that left,
/// as with other proxies.
package final class ClientPresence: ChannelInboundHandler, RemovableChannelHandler {
  package typealias InboundIn = HTTPRequestPart
  package typealias InboundOut = HTTPRequestPart

  private var connection: Task<Void, Never>?
  private var isWatching = false
  private var hasLeft = false

  /// The handler of `channel`; nil off its event loop or where there is none.
  package static func of(_ channel: any Channel) -> ClientPresence? {
    guard channel.eventLoop.inEventLoop else { return nil }
    return try? channel.pipeline.syncOperations.handler(type: ClientPresence.self)
  }

  /// Says what to cancel. The task runs already, and may have begun a request whose client has left
  /// again: what comes last of the three cancels.
  func watch(_ connection: Task<Void, Never>) {
    self.connection = connection
    cancelIfAlone()
  }

  /// From now on a client that leaves ends everything.
  package func begin() {
    isWatching = true
    cancelIfAlone()
  }

  package func end() {
    isWatching = false
  }

  package func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if case ChannelEvent.inputClosed = event { leave() }
    context.fireUserInboundEventTriggered(event)
  }

  package func channelInactive(context: ChannelHandlerContext) {
    leave()
    context.fireChannelInactive()
  }

  private func leave() {
    hasLeft = true
    cancelIfAlone()
  }

  private func cancelIfAlone() {
    if isWatching, hasLeft { connection?.cancel() }
  }
}

@available(*, unavailable)
extension ClientPresence: Sendable {}
