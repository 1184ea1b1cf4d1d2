import NIOCore
import Protobuf
import RPC
import RPCServices

/// The writing end of a call of Watch, in the hands of a test: while it is held, a write doesn't
/// return.
final class HealthSink: ResponseSink {
  typealias Status = HealthService.Status

  /// What was written, before the write returns.
  let written: AsyncStream<Status>
  private let writing: AsyncStream<Status>.Continuation
  private let released: AsyncStream<Void>
  private let releasing: AsyncStream<Void>.Continuation

  init(isHeld: Bool = false) {
    (written, writing) = AsyncStream.makeStream()
    (released, releasing) = AsyncStream.makeStream()
    if !isHeld { releasing.finish() }
  }

  func release() { releasing.finish() }

  func sendMetadata() async throws(RPCError) {}

  func write(_ message: ByteBuffer, isCompressed: Bool?) async throws(RPCError) {
    guard let response = try? HealthAPI.HealthCheckResponse(unpacking: message) else {
      throw RPCError(.internal, "not a response")
    }
    writing.yield(response.status)
    for await _ in released {}
  }

  /// Calls Watch without a transport; returns when the service ends the call.
  func watch(_ name: String, of health: HealthService) async throws {
    let method = HealthAPI.HealthMethods.watch
    let context = ServerContext(
      method: method, metadata: Metadata(), deadline: nil, peer: Peer(address: "test"))
    try await health.watch(
      HealthAPI.HealthCheckRequest(service: name), to: ResponseWriter(self), context: context)
  }
}
