internal import HTTP2
internal import NIOCore
internal import RPC

/// An answer that waits for the end of its request, which is no call of gRPC.
struct HTTPRefusal {
  let stream: HTTP2Stream
  let status: String
  let reason: String
  /// The answer to HEAD has no body (RFC 9110, 9.3.2).
  let isHead: Bool
  /// What may still come of the request.
  var bodyBytesLeft: Int
  var timer: Scheduled<Void>?
}

extension ServerConnection {
  /// How long a refused request may take to its end.
  private static let refusedRequestTimeout = TimeAmount.seconds(5)

  /// Refuses a request in the words of HTTP, when it ends: an answer from the middle of it would
  /// keep nghttp2 from seeing what else is wrong with it (RFC 9113, 8.1.1).
  ///
  /// One that never ends, or whose body is more than a stream's window, is answered all the same.
  func refuse(
    _ stream: HTTP2Stream, _ header: HeaderBlock, status: String, reason: String,
    endOfStream: Bool
  ) {
    var refusal = HTTPRefusal(
      stream: stream, status: status, reason: reason, isHead: header[":method"] == "HEAD",
      bodyBytesLeft: shared.streamWindowBytes)
    // Clients of gRPC may wait for the status before they end the request.
    let isGRPC = header["content-type"]?.hasPrefix("application/grpc") ?? false
    guard !endOfStream, !isGRPC else { return answer(refusal) }
    let id = stream.id
    refusal.timer = channel.eventLoop.scheduleTask(in: Self.refusedRequestTimeout) {
      self.refusedRequestEnded(id)
      self.setNeedsFlush()
    }
    refusals[id] = refusal
  }

  /// Takes a part of a request that is to be refused; the client gets no credit for more.
  func received(_ byteCount: Int, onRefused stream: HTTP2Stream) -> Bool {
    guard var refusal = refusals[stream.id] else { return false }
    refusal.bodyBytesLeft -= byteCount
    refusals[stream.id] = refusal
    if refusal.bodyBytesLeft <= 0 { refusedRequestEnded(stream.id) }
    return true
  }

  func refusedRequestEnded(_ id: Int32) {
    guard let refusal = forgetRefusal(id) else { return }
    answer(refusal)
  }

  @discardableResult
  func forgetRefusal(_ id: Int32) -> HTTPRefusal? {
    let refusal = refusals.removeValue(forKey: id)
    refusal?.timer?.cancel()
    return refusal
  }

  private func answer(_ refusal: HTTPRefusal) {
    let stream = refusal.stream
    let fields = ResponseFields.http(status: refusal.status)
    try? session?.respond(stream, fields, endOfStream: refusal.isHead)
    guard !refusal.isHead else { return }
    session?.write(stream, ByteBuffer(string: refusal.reason + "\n"))
    session?.finish(stream)
  }
}
