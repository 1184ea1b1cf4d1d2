import HTTP2
import NIOCore
import RPC

/// An answer in the words of HTTP to a request that is no call of gRPC.
struct HTTPRefusal {
  let stream: HTTP2Stream
  let status: String
  /// A sentence for whoever reads it.
  let reason: String
  /// The answer to HEAD has no body (RFC 9110, 9.3.2).
  let isHead: Bool
  /// Clients of gRPC may wait for the status before they end the request.
  let isGRPC: Bool
  fileprivate var timer: Scheduled<Void>?
  /// What may still come of the request.
  fileprivate var bodyBytesLeft = 0

  init(_ stream: HTTP2Stream, _ header: HeaderBlock, status: String, reason: String) {
    self.stream = stream
    self.status = status
    self.reason = reason
    isHead = header[":method"] == "HEAD"
    isGRPC = header["content-type"]?.hasPrefix("application/grpc") ?? false
  }

  func answer(on session: HTTP2Session?) {
    try? session?.respond(stream, ResponseFields.http(status: status), endOfStream: isHead)
    guard !isHead else { return }
    session?.write(stream, ByteBuffer(string: reason + "\n"))
    session?.finish(stream)
  }
}

/// Refusals of one connection that wait for the end of their request, by stream.
///
/// An answer from the middle of a request would keep nghttp2 from seeing what else is wrong with it
/// (RFC 9113, 8.1.1). One that never ends, or whose body is more than a stream's window, is
/// answered all the same. There are never more than streams may be open.
struct HTTPRefusals {
  /// How long a refused request may take to its end.
  static let requestTimeout = TimeAmount.seconds(5)

  enum Body {
    /// The stream's request isn't refused.
    case notRefused
    /// The client gets no credit for more.
    case taken
    /// That was enough: the answer is due.
    case tooLong(HTTPRefusal)
  }

  private var waiting: [Int32: HTTPRefusal] = [:]

  /// `timer` calls for the answer when the request takes too long.
  mutating func hold(_ refusal: HTTPRefusal, bodyBytesMax: Int, timer: Scheduled<Void>) {
    var refusal = refusal
    refusal.bodyBytesLeft = bodyBytesMax
    refusal.timer = timer
    waiting[refusal.stream.id] = refusal
  }

  mutating func bodyArrived(_ byteCount: Int, on id: Int32) -> Body {
    guard var refusal = waiting[id] else { return .notRefused }
    refusal.bodyBytesLeft -= byteCount
    waiting[id] = refusal
    guard refusal.bodyBytesLeft <= 0, let due = remove(id) else { return .taken }
    return .tooLong(due)
  }

  /// Takes the refusal out: its request has ended, or its stream has.
  @discardableResult
  mutating func remove(_ id: Int32) -> HTTPRefusal? {
    let refusal = waiting.removeValue(forKey: id)
    refusal?.timer?.cancel()
    return refusal
  }
}
