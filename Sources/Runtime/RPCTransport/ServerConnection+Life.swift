internal import HTTP2
internal import Logging
internal import Metrics
internal import NIOCore
internal import RPC

/// The beginning and the end of a connection.
extension ServerConnection {
  // MARK: Time limits

  func startLife() {
    // Kept by the timer until the connection has ended: a weak reference would make each retain of
    // this object, of which a call needs many, a slow one.
    lifeTimer = eventLoop.scheduleRepeatedTask(
      initialDelay: life.checkInterval, delay: life.checkInterval
    ) { _ in self.checkLife() }
  }

  private func checkLife() {
    guard let session, !isClosing else { return }
    if session.streamCount == 0 { releaseIdleBuffers() }
    switch life.check(hasStreams: session.streamCount > 0) {
    case .nothing: break
    case .drain:
      guard !isDraining else { return }
      drain()
      eventLoop.scheduleTask(in: shared.configuration.gracePeriod.timeAmount) {
        self.stop()
      }
    case .ping:
      session.ping(Self.keepalivePing)
      setNeedsFlush()
    case .giveUp: fail("the client does not answer pings")
    }
  }

  /// A header block must be complete soon after it began: until then there is no call whose deadline
  /// would end it.
  func watchHeaderBlock() {
    guard session?.isReceivingHeaderBlock == true else {
      headerTimer?.cancel()
      headerTimer = nil
      return
    }
    guard headerTimer == nil else { return }
    headerTimer = eventLoop.scheduleTask(
      in: shared.configuration.handshakeTimeout.timeAmount
    ) { self.fail("a header block took longer than the handshake timeout") }
  }

  // MARK: Bad behaviour

  func pingArrived() {
    guard let session, !pings.allowsPing(trafficFrames: session.trafficFrames) else { return }
    cut("too_many_pings")
  }

  func checkBudgets() {
    guard let session, !budgets.allows(session) else { return }
    cut("too many frames that ask for nothing, or too many broken streams")
  }

  /// Ends the connection because of what the peer did.
  func cut(_ reason: String) {
    guard let session, !isCut else { return }
    isCut = true
    shared.metrics.connectionsCut.increment()
    shared.logger.warning(
      "cutting a connection",
      metadata: [
        "peer": "\(peer.address)", "reason": "\(reason)",
        "problem": "\(session.lastProblem ?? "none")",
      ])
    session.terminate(.enhanceYourCalm, reason: reason)
    setNeedsFlush()
  }

  // MARK: Leaving

  private static let keepalivePing: UInt64 = 1
  private static let drainPing: UInt64 = 0

  /// Tells the client to go elsewhere, lets running calls end, then closes.
  func drain() {
    guard eventLoop.inEventLoop else {
      return eventLoop.execute { self.drain() }
    }
    guard !isDraining, !isClosing else { return }
    isDraining = true
    guard let session else { return close() }
    session.announceShutdown()
    // Its answer tells that the client has seen the announcement: RFC 9113, 6.8.
    session.ping(Self.drainPing)
    setNeedsFlush()
    eventLoop.scheduleTask(in: Self.closeTimeout) { self.finishDrain() }
  }

  func pingAcknowledged(_ payload: UInt64) {
    if payload == Self.drainPing { finishDrain() }
  }

  private func finishDrain() {
    guard isDraining, !isDrainFinished, let session else { return }
    isDrainFinished = true
    session.goAway(.noError)
    setNeedsFlush()
  }

  /// Ends the connection with everything on it.
  func stop() {
    channel.close(promise: nil)
  }
}
