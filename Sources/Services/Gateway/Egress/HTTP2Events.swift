import HTTP2
import NIOCore
import NIOHTTP1

/// What the provider says, and how exchanges end.
extension HTTP2Connection {
  func handleEvents() {
    while let event = session.nextEvent() { handle(event) }
  }

  private func handle(_ event: HTTP2Event) {
    switch event {
    case .header(let stream, let block, let endOfStream):
      receive(block, stream, endOfStream: endOfStream)
    case .interim(let stream, let block): receive(interim: block, stream)
    case .data(let stream, let bytes): receive(bytes, stream)
    case .trailer(let stream, let block):
      guard let exchange = exchange(on: stream) else { return }
      do throws(UpstreamError) {
        finish(exchange, try HTTP2Heads.trailers(block))
      } catch {
        fail(exchange, error, reset: .protocolError)
      }
    case .endOfStream(let stream):
      if let exchange = exchange(on: stream) { finish(exchange, nil) }
    case .drained(let stream):
      guard let exchange = exchange(on: stream) else { return }
      exchange.progress = .now()
      exchange.writer.take()?.resume()
    case .closed(let stream, let code): closed(stream, code)
    case .settings: tellRoom()
    case .ping, .pingAcknowledged: break
    case .goAway: leave()
    }
  }

  /// The exchange on `stream`, unless it is over for its reader.
  private func exchange(on stream: HTTP2Stream) -> HTTP2Exchange? {
    guard let exchange = stream.attachment as? HTTP2Exchange, !exchange.isOver else { return nil }
    strayBytes = 0
    return exchange
  }

  private func receive(_ block: HeaderBlock, _ stream: HTTP2Stream, endOfStream: Bool) {
    guard let exchange = exchange(on: stream) else { return }
    do throws(UpstreamError) {
      let head = try HTTP2Heads.answer(block)
      exchange.hasHead = true
      exchange.progress = .now()
      exchange.answer.receive(head)
      if endOfStream { finish(exchange, nil) } else { arm(exchange.deadline(limits)) }
    } catch {
      fail(exchange, error, reset: .protocolError)
    }
  }

  private func receive(interim block: HeaderBlock, _ stream: HTTP2Stream) {
    guard let exchange = exchange(on: stream) else { return }
    exchange.interimCount += 1
    exchange.progress = .now()
    do throws(UpstreamError) {
      guard exchange.interimCount <= UpstreamWatch.interimAnswersMax else {
        throw .malformedAnswer("more than \(UpstreamWatch.interimAnswersMax) interim answers")
      }
      let head = try HTTP2Heads.answer(block)
      // 100 is about the body, which we send without waiting.
      if head.status != .continue { exchange.watch.onInterim(head) }
    } catch {
      fail(exchange, error, reset: .enhanceYourCalm)
    }
  }

  private func receive(_ bytes: ByteBuffer, _ stream: HTTP2Stream) {
    // Whoever doesn't read holds up its own stream only.
    session.consumedOnConnection(bytes.readableBytes)
    guard let exchange = exchange(on: stream) else {
      return session.consumedOnStream(stream, bytes.readableBytes)
    }
    if exchange.pieces.isEmpty { fed.append(exchange) }
    exchange.append(bytes)
    exchange.progress = .now()
  }

  func deliver(_ exchange: HTTP2Exchange) {
    let credit = exchange.deliver()
    if credit > 0, let stream = exchange.stream { session.consumedOnStream(stream, credit) }
  }

  // MARK: Ends of exchanges

  /// The answer is complete.
  private func finish(_ exchange: HTTP2Exchange, _ trailers: HTTPHeaders?) {
    deliver(exchange)
    forget(exchange)
    if let stream = exchange.stream, !exchange.isRequestSent || stream.outboundBytes > 0 {
      // A request that isn't wanted to its end.
      session.reset(stream, .cancel)
    } else {
      // Before the reader knows: its next request finds the connection.
      reportEnd(of: exchange)
    }
    exchange.answer.finish(trailers)
  }

  func fail(_ exchange: HTTP2Exchange, _ error: UpstreamError, reset code: ErrorCode) {
    deliver(exchange)
    forget(exchange)
    if let stream = exchange.stream { session.reset(stream, code) }
    exchange.answer.fail(exchange.hasHead ? .brokenOff : error)
  }

  func forget(_ exchange: HTTP2Exchange) {
    exchange.isOver = true
    exchanges[ObjectIdentifier(exchange.answer)] = nil
    exchange.writer.take()?.resume(throwing: UpstreamError.closedBeforeAnswer)
    guard exchanges.isEmpty else { return }
    idleSince = .now()
    arm(idleSince + TimeAmount(limits.connectionIdleTimeout))
  }

  private func closed(_ stream: HTTP2Stream, _ code: ErrorCode) {
    guard let exchange = stream.attachment as? HTTP2Exchange else { return }
    stream.attachment = nil
    if !exchange.isOver {
      deliver(exchange)
      forget(exchange)
      exchange.answer.fail(exchange.hasHead ? .brokenOff : reason(stream, code))
    }
    exchange.stream = nil
    reportEnd(of: exchange)
  }

  /// Why a stream closed that had no answer yet.
  private func reason(_ stream: HTTP2Stream, _ code: ErrorCode) -> UpstreamError {
    if isClosed { return endError }
    switch code {
    // By the provider, or because it leaves: it has done nothing with the request.
    case .refusedStream: return .refused
    case .http11Required: return .needsHTTP1
    default:
      guard !stream.isResetByPeer else { return .closedBeforeAnswer }
      return .malformedAnswer(session.lastProblem ?? "HTTP/2 error \(code.rawValue)")
    }
  }

  private func reportEnd(of exchange: HTTP2Exchange) {
    guard !exchange.isReported else { return }
    exchange.isReported = true
    report(self, .exchangeEnded)
  }

  /// Tells how many exchanges the provider allows.
  private func tellRoom() {
    guard !isLeaving else { return }
    report(self, .exchangesMax(min(Self.exchangesMax, session.peerConcurrentStreamsMax)))
  }
}
