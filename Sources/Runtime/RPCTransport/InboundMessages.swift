import NIOCore
import RPC

/// What arrives on one stream, between the connection that receives it and the task that reads it;
/// belongs to the connection's loop.
struct InboundMessages {
  typealias Next = Result<ReceivedMessage?, RPCError>
  typealias Waiter = CheckedContinuation<Next, Never>

  private var reader: EnvelopeReader
  /// What follows the last message.
  private var ending: Result<Void, RPCError>?
  private var waiter: Waiter?
  /// Bytes for which the sender has no new credit yet.
  private var owedBytes = 0

  init(_ reader: EnvelopeReader) {
    self.reader = reader
  }

  /// A reader waits, so a message under way is wanted.
  var isAwaited: Bool { waiter != nil }
  var hasEnded: Bool { ending != nil }
  /// What ended the call, or why a message could not be read.
  var failure: RPCError? {
    if case .failure(let error)? = ending { error } else { nil }
  }

  // MARK: The connection's side

  mutating func append(_ bytes: ByteBuffer) {
    guard ending == nil else { return }
    owedBytes += bytes.readableBytes
    reader.append(bytes)
    serve()
  }

  /// After the messages that have arrived comes the end, or what ended the call instead.
  mutating func end(_ ending: Result<Void, RPCError> = .success(())) {
    guard self.ending == nil else { return }
    self.ending = ending
    serve()
  }

  /// Nothing more is read: messages that wait are dropped.
  mutating func abort(_ error: RPCError) {
    reader = EnvelopeReader(messageBytesMax: 0)
    ending = .failure(error)
    serve()
  }

  /// The length of the message under way, if it is known and a reader waits for it.
  var awaitedBytes: Int? {
    guard isAwaited else { return nil }
    return try? reader.expectedBytes
  }

  /// Credit that the sender should get now: for all that was taken, and, when the message under way
  /// may be large, for what has arrived of it.
  mutating func takeCredit(forMessageUnderWay isGranted: Bool) -> Int {
    let credit = isGranted ? owedBytes : max(0, owedBytes - reader.bufferedBytes)
    owedBytes -= credit
    return credit
  }

  mutating func reserve(_ byteCount: Int) {
    reader.reserve(byteCount)
  }

  // MARK: The reader's side

  /// The next message, end or failure, if that is known.
  mutating func take() -> Next? {
    do throws(RPCError) {
      if let message = try reader.next() { return .success(message) }
    } catch {
      abort(error)
      return .failure(error)
    }
    switch ending {
    case nil: return nil
    case .failure(let error): return .failure(error)
    case .success where reader.bufferedBytes > 0:
      return .failure(RPCError(.internal, "the stream ended inside a message"))
    case .success: return .success(nil)
    }
  }

  /// Resumes `waiter` with what comes next; a second reader at the same time is refused.
  mutating func wait(_ waiter: Waiter) {
    if let next = take() {
      waiter.resume(returning: next)
    } else if self.waiter != nil {
      waiter.resume(
        returning: .failure(RPCError(.internal, "a stream has one reader at a time")))
    } else {
      self.waiter = waiter
    }
  }

  /// The reader's own task was cancelled; the stream lives on.
  mutating func cancelWait() {
    waiter?.resume(returning: .failure(RPCError(.cancelled, "the reader was cancelled")))
    waiter = nil
  }

  /// The reader that waits, to be moved elsewhere.
  mutating func takeWaiter() -> Waiter? {
    defer { waiter = nil }
    return waiter
  }

  private mutating func serve() {
    // Taken out first: a message that is refused aborts, and that comes here again.
    guard let waiter = takeWaiter() else { return }
    if let next = take() {
      waiter.resume(returning: next)
    } else {
      self.waiter = waiter
    }
  }
}
