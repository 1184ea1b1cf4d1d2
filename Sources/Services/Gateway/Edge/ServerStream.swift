import HTTPTypes
package import NIOCore
import Networking

/// One request of a client and the way back to it, whatever version of HTTP they speak.
///
/// Belongs to the event loop of its connection, where the request is also answered: it crosses no
/// thread. Subclasses know how the parts of an answer are put on the wire.
package class ServerStream: @unchecked Sendable {
  // Sendable because what changes is touched on the event loop only; others hop to it.
  package final let eventLoop: any EventLoop
  package final let remoteAddress: SocketAddress?
  final let body: RequestBody
  private final var task: Task<Void, Never>?
  private final var isWatched = false
  private final var hasLeft = false
  /// The answer is complete, or there will be none.
  private(set) final var hasEnded = false
  private final var isHandedOver = false
  private final var isCancelled = false
  private final var writers: [CheckedContinuation<Void, any Error>] = []

  init(on eventLoop: any EventLoop, remoteAddress: SocketAddress?) {
    (self.eventLoop, self.remoteAddress) = (eventLoop, remoteAddress)
    body = RequestBody(on: eventLoop)
    body.tell = { [weak self] wish in self?.heed(wish) }
  }

  // MARK: What subclasses say

  /// Why the request is refused before any route sees it; nil when it isn't.
  var refusal: Problem? { nil }
  /// Whether the client takes what is written.
  var isWritable: Bool { true }

  /// Puts the head of the answer on the wire; with `bytes`, the whole of it.
  func send(_ head: HTTPResponse, whole bytes: ByteBuffer?) {}
  func send(_ piece: ByteBuffer) {}
  func sendEnd(_ trailers: HTTPFields?) {}
  /// Tells the client what comes before its answer (RFC 9110, 15.2), unless that has begun.
  func send(interim: HTTPResponse) {}
  /// Ends an answer that can't be completed, so that the client notices.
  func breakOff() {}
  /// What the reader of the request's body wishes.
  func heed(_ wish: RequestBody.Wish) {}
  /// Gives the body the time that one for a provider has.
  package func allowProxiedBody() {}
  /// The answer is complete, or there will be none.
  func ended() {}
  /// Nothing is done for the answer any more.
  func workEnded() {}
  /// The connection, where the request has it to itself and may go on with another protocol on it.
  package var channel: (any Channel)? { nil }

  // MARK: The answer

  /// Answers `request` by `edge`, and returns at once.
  final func answer(_ request: Request, by edge: EdgeAnswers) {
    task = Task(executorPreference: eventLoop.taskExecutor) { [self] in
      let response = await edge.response(to: request, on: self)
      await send(response)
      onLoop { self.workEnded() }
    }
    cancelIfAlone()
  }

  private func send(_ response: Response) async {
    guard !hasEnded else { return }
    switch response.body.content {
    case .bytes(let bytes):
      onLoop {
        guard !self.hasEnded else { return }
        self.send(response.head, whole: bytes)
        self.end()
      }
    case .written(let write):
      do {
        onLoop { if !self.hasEnded { self.send(response.head, whole: nil) } }
        try await write(ResponseBodyWriter(stream: self))
        finish(nil)
      } catch {
        giveUp()
      }
    }
  }

  final func write(_ piece: ByteBuffer) async throws {
    guard piece.readableBytes > 0 else { return }
    // Nearly always here already, with room on the wire.
    if eventLoop.inEventLoop, canSend, isWritable {
      send(piece)
      if isWritable { return }
      return try await waitUntilWritable(sending: nil)
    }
    try await waitUntilWritable(sending: piece)
  }

  private var canSend: Bool { !hasEnded && !isCancelled }

  private func waitUntilWritable(sending piece: ByteBuffer?) async throws {
    try await withCheckedThrowingContinuation {
      (continuation: CheckedContinuation<Void, any Error>) in
      onLoop {
        guard self.canSend else { return continuation.resume(throwing: ClientLeft()) }
        if let piece { self.send(piece) }
        if self.isWritable {
          continuation.resume()
        } else {
          self.writers.append(continuation)
        }
      }
    }
  }

  final func finish(_ trailers: HTTPFields?) {
    onLoop {
      guard !self.hasEnded else { return }
      self.sendEnd(trailers)
      self.end()
    }
  }

  /// Breaks the answer off; from any thread.
  package final func giveUp() {
    onLoop {
      guard !self.hasEnded || self.isHandedOver else { return }
      self.breakOff()
      if !self.hasEnded { self.end() }
    }
  }

  /// The client takes more again.
  final func becameWritable() {
    for writer in writers.takeAll() { writer.resume() }
  }

  private func end() {
    hasEnded = true
    for writer in writers.takeAll() { writer.resume(throwing: ClientLeft()) }
    body.drop()
    ended()
  }

  /// The connection is another protocol's now: there is nothing more to send here.
  final func handOver() {
    hasEnded = true
    isHandedOver = true
  }

  final func onLoop(_ work: @escaping @Sendable () -> Void) {
    if eventLoop.inEventLoop { work() } else { eventLoop.execute(work) }
  }

  // MARK: The client's presence

  /// From now on a client that leaves ends the work for its answer; from any thread.
  package final func watchClient() {
    onLoop {
      self.isWatched = true
      self.cancelIfAlone()
    }
  }

  package final func unwatchClient() {
    onLoop { self.isWatched = false }
  }

  /// The client has closed its side, or the stream: a half-closed connection counts as a client
  /// that left, as with other proxies.
  final func clientLeft() {
    hasLeft = true
    cancelIfAlone()
  }

  /// The connection or the stream is gone; nothing can be sent any more.
  final func vanish() {
    clientLeft()
    body.fail(RequestBodyError.malformed)
    guard !hasEnded else { return }
    end()
  }

  private func cancelIfAlone() {
    guard isWatched, hasLeft, let task else { return }
    isCancelled = true
    task.cancel()
    for writer in writers.takeAll() { writer.resume(throwing: ClientLeft()) }
  }
}

/// Nobody reads the answer any more.
struct ClientLeft: Error {}

extension Array {
  /// All elements, of which none stays.
  fileprivate mutating func takeAll() -> [Element] {
    guard !isEmpty else { return [] }
    defer { removeAll() }
    return self
  }
}
