package import NIOCore
package import TLS

/// TLS at the bottom of a channel's pipeline, by our OpenSSL engine: what is above sees plaintext.
///
/// Writes wait for the handshake. Closing says goodbye to the peer but doesn't wait for its answer:
/// whoever gives up a request wants it to end now.
package final class TLSHandler: ChannelDuplexHandler, RemovableChannelHandler {
  package typealias InboundIn = ByteBuffer
  package typealias InboundOut = ByteBuffer
  package typealias OutboundIn = ByteBuffer
  package typealias OutboundOut = ByteBuffer

  private struct Write {
    var plaintext: ByteBuffer
    let promise: EventLoopPromise<Void>?
  }

  private let connection: TLSConnection
  private let isClient: Bool
  /// Succeeds after the handshake; fails with the `TLSError` that says why there is none.
  private let established: EventLoopPromise<Void>?
  private var isSettled = false
  private var isClosing = false
  private var waiting: [Write] = []
  private var hasRead = false

  package init(
    _ connection: TLSConnection, isClient: Bool, established: EventLoopPromise<Void>? = nil
  ) {
    self.connection = connection
    self.isClient = isClient
    self.established = established
  }

  // MARK: Life

  package func handlerAdded(context: ChannelHandlerContext) {
    if context.channel.isActive { start(context) }
  }

  package func channelActive(context: ChannelHandlerContext) {
    start(context)
    context.fireChannelActive()
  }

  private func start(_ context: ChannelHandlerContext) {
    // The client's first bytes are wanted, also where nobody else reads yet.
    guard isClient else { return context.read() }
    do throws(TLSError) {
      try connection.start()
      flushOutput(context)
      context.read()
    } catch {
      fail(error, context)
    }
  }

  package func channelInactive(context: ChannelHandlerContext) {
    settle(.failure(ChannelError.eof))
    drop(ChannelError.ioOnClosedChannel)
    // An end without a goodbye may be somebody else's, who cuts the answer short (RFC 8446, 6.1).
    if connection.isEstablished, !connection.isClosedByPeer, !isClosing {
      context.fireErrorCaught(TLSError.connectionFailed(reason: "the peer left without a goodbye"))
    }
    context.fireChannelInactive()
  }

  package func handlerRemoved(context: ChannelHandlerContext) {
    settle(.failure(ChannelError.ioOnClosedChannel))
    drop(ChannelError.ioOnClosedChannel)
  }

  // MARK: What comes

  package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    var plaintext = ByteBuffer()
    var failure: TLSError?
    do throws(TLSError) {
      try connection.receive(unwrapInboundIn(data), plaintext: &plaintext)
    } catch {
      failure = error
    }
    // There may be handshake messages or an alert to send, whatever came of it.
    flushOutput(context)
    if connection.isEstablished, !isSettled {
      settle(.success(()))
      sendWaiting(context)
    }
    if plaintext.readableBytes > 0 {
      hasRead = true
      context.fireChannelRead(wrapInboundOut(plaintext))
    }
    if let failure { return fail(failure, context) }
    if connection.isClosedByPeer { context.close(promise: nil) }
  }

  package func channelReadComplete(context: ChannelHandlerContext) {
    // Above, nothing has come yet: what was asked for is still wanted.
    if !hasRead, context.channel.isActive { context.read() }
    hasRead = false
    context.fireChannelReadComplete()
  }

  // MARK: What goes

  package func write(
    context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?
  ) {
    waiting.append(Write(plaintext: unwrapOutboundIn(data), promise: promise))
  }

  package func flush(context: ChannelHandlerContext) {
    if connection.isEstablished { sendWaiting(context) }
    context.flush()
  }

  package func close(
    context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?
  ) {
    if mode != .input, !isClosing {
      isClosing = true
      connection.close()
      flushOutput(context)
    }
    context.close(mode: mode, promise: promise)
  }

  private func sendWaiting(_ context: ChannelHandlerContext) {
    let writes = waiting
    waiting.removeAll(keepingCapacity: writes.count == 1)
    for (index, write) in writes.enumerated() {
      var write = write
      do throws(TLSError) {
        try connection.send(&write.plaintext)
      } catch {
        for write in writes[index...] { write.promise?.fail(error) }
        return fail(error, context)
      }
      var ciphertext = ByteBuffer()
      connection.takeOutput(into: &ciphertext)
      context.write(wrapOutboundOut(ciphertext), promise: write.promise)
    }
    if !writes.isEmpty { context.flush() }
  }

  private func flushOutput(_ context: ChannelHandlerContext) {
    var ciphertext = ByteBuffer()
    connection.takeOutput(into: &ciphertext)
    guard ciphertext.readableBytes > 0 else { return }
    context.writeAndFlush(wrapOutboundOut(ciphertext), promise: nil)
  }

  // MARK: Failure

  private func fail(_ error: TLSError, _ context: ChannelHandlerContext) {
    let wasSettled = isSettled
    settle(.failure(error))
    drop(error)
    if wasSettled { context.fireErrorCaught(error) }
    context.close(promise: nil)
  }

  private func settle(_ result: Result<Void, any Error>) {
    guard !isSettled else { return }
    isSettled = true
    established?.completeWith(result)
  }

  private func drop(_ error: any Error) {
    let writes = waiting
    waiting = []
    for write in writes { write.promise?.fail(error) }
  }
}

@available(*, unavailable)
extension TLSHandler: Sendable {}
