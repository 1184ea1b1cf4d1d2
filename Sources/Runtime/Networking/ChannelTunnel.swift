package import NIOCore
import Synchronization

/// Joins two channels: the bytes of each go to the other as they come, and the end of one is the
/// end of both, as soon as its last bytes are out.
///
/// Each side is read only while the other takes what is written. The two ends may be on different
/// event loops.
package final class ChannelTunnel: Sendable {
  package let near: TunnelEnd
  package let far: TunnelEnd

  /// Both ends have yet to be put into their pipelines, behind whatever removed bytes come from.
  ///
  /// - Parameter idleTimeout: without a byte in either direction for so long, both are closed.
  package init(near: any Channel, far: any Channel, idleTimeout: Duration) {
    self.near = TunnelEnd(near, idleTimeout: TimeAmount(idleTimeout))
    self.far = TunnelEnd(far, idleTimeout: TimeAmount(idleTimeout))
    self.near.join(self.far)
    self.far.join(self.near)
  }

  /// Returns when both channels are closed; being cancelled closes them.
  package func run() async {
    await withTaskCancellationHandler {
      try? await near.channel.closeFuture.get()
      try? await far.channel.closeFuture.get()
    } onCancel: {
      close()
    }
  }

  package func close() {
    near.channel.close(promise: nil)
    far.channel.close(promise: nil)
  }
}

/// One end of a tunnel, as a handler of its channel.
package final class TunnelEnd: ChannelInboundHandler, @unchecked Sendable {
  // Sendable because what changes is touched on the channel's event loop only; `other` is set
  // before either end is in use.
  package typealias InboundIn = ByteBuffer
  package typealias OutboundOut = ByteBuffer

  package let channel: any Channel
  private let bytesIn = Atomic<Int>(0)
  private let idleTimeout: TimeAmount
  private weak var other: TunnelEnd?
  private var context: ChannelHandlerContext?
  /// What came before this end was started.
  private var early: [ByteBuffer] = []
  private var isStarted = false
  private var isPaused = false
  private var lastByte = NIODeadline.now()

  fileprivate init(_ channel: any Channel, idleTimeout: TimeAmount) {
    self.channel = channel
    self.idleTimeout = idleTimeout
  }

  fileprivate func join(_ other: TunnelEnd) {
    self.other = other
  }

  /// Bytes that have come from this end.
  package var byteCount: Int { bytesIn.load(ordering: .relaxed) }

  package func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    try? context.channel.syncOptions?.setOption(.autoRead, value: false)
  }

  /// Says that bytes may be written from here: whatever else they would pass has been removed. To
  /// be called on the channel's event loop.
  package func start() {
    guard let context, !isStarted else { return }
    isStarted = true
    for bytes in early { context.write(wrapOutboundOut(bytes), promise: nil) }
    early = []
    context.flush()
    watch()
    context.read()
  }

  package func handlerRemoved(context: ChannelHandlerContext) {
    self.context = nil
  }

  package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    lastByte = .now()
    let bytes = unwrapInboundIn(data)
    bytesIn.add(bytes.readableBytes, ordering: .relaxed)
    other?.write(bytes)
  }

  package func channelReadComplete(context: ChannelHandlerContext) {
    guard let other else { return }
    if other.channel.isWritable { context.read() } else { isPaused = true }
  }

  package func channelWritabilityChanged(context: ChannelHandlerContext) {
    if context.channel.isWritable { other?.resume() }
    context.fireChannelWritabilityChanged()
  }

  package func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    // Half of a conversation is none.
    if case ChannelEvent.inputClosed = event { context.close(promise: nil) }
    context.fireUserInboundEventTriggered(event)
  }

  package func channelInactive(context: ChannelHandlerContext) {
    other?.finish()
    context.fireChannelInactive()
  }

  package func errorCaught(context: ChannelHandlerContext, error: any Error) {
    context.close(promise: nil)
  }

  // MARK: From the other end

  private func onLoop(_ action: @escaping @Sendable () -> Void) {
    if channel.eventLoop.inEventLoop { action() } else { channel.eventLoop.execute(action) }
  }

  private func write(_ bytes: ByteBuffer) {
    onLoop {
      self.lastByte = .now()
      guard let context = self.context, self.isStarted else { return self.early.append(bytes) }
      context.writeAndFlush(self.wrapOutboundOut(bytes), promise: nil)
    }
  }

  /// Closes when everything that was written is out: the last words are often the important ones.
  private func finish() {
    onLoop {
      guard let context = self.context, self.isStarted else {
        return self.channel.close(promise: nil)
      }
      let isOut = context.eventLoop.makePromise(of: Void.self)
      isOut.futureResult.whenComplete { _ in self.channel.close(promise: nil) }
      context.writeAndFlush(self.wrapOutboundOut(ByteBuffer()), promise: isOut)
    }
  }

  private func resume() {
    onLoop {
      guard self.isPaused else { return }
      self.isPaused = false
      self.context?.read()
    }
  }

  private func watch() {
    channel.eventLoop.scheduleTask(deadline: lastByte + idleTimeout) { [weak self] in
      guard let self, let context, context.channel.isActive else { return }
      if lastByte + idleTimeout <= .now() { context.close(promise: nil) } else { watch() }
    }
  }
}
