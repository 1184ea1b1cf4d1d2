/// Tells the relay that there may be new rows; announcements that pile up count as one.
struct OutboxArrivals: Sendable {
  /// For the one relay of the process.
  let stream: AsyncStream<Void>
  private let continuation: AsyncStream<Void>.Continuation

  init() {
    (stream, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
  }

  func announce() { continuation.yield() }
}
