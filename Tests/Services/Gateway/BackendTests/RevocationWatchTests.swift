import Foundation
import Logging
import NIOCore
import Protobuf
import RPC
import ServiceAPI
import Synchronization
import Testing

@testable import Backend

/// How the gateway keeps the stream open.
@Suite struct RevocationWatchTests {
  /// An `auth` whose calls of WatchRevocations say what the test tells them to.
  private final class Channel: RPCChannel {
    struct Call: Sendable {
      let request: AuthAPI.WatchRevocationsRequest
      let answers: AsyncThrowingStream<AuthAPI.WatchRevocationsResponse, any Error>.Continuation
    }

    private let calls: AsyncStream<Call>
    private let called: AsyncStream<Call>.Continuation

    init() { (calls, called) = AsyncStream.makeStream() }

    func nextCall() async -> Call? { await calls.first { _ in true } }

    func unary(
      _ method: MethodDescriptor, request: ByteBuffer, options: CallOptions
    ) async throws(RPCError) -> UnaryResponse {
      UnaryResponse(message: ByteBuffer())
    }

    func stream<Outcome: Sendable>(
      _ method: MethodDescriptor, options: CallOptions,
      _ body: (any ClientStream) async throws -> Outcome
    ) async throws -> Outcome {
      try await body(Stream(called))
    }
  }

  private final class Stream: ClientStream {
    private let called: AsyncStream<Channel.Call>.Continuation
    private let answers: AsyncThrowingStream<AuthAPI.WatchRevocationsResponse, any Error>
    private let continuation:
      AsyncThrowingStream<AuthAPI.WatchRevocationsResponse, any Error>.Continuation
    let trailers = Metadata()

    init(_ called: AsyncStream<Channel.Call>.Continuation) {
      self.called = called
      (answers, continuation) = AsyncThrowingStream.makeStream()
    }

    func write(_ message: ByteBuffer, isCompressed: Bool?) async throws(RPCError) {
      guard let request = try? AuthAPI.WatchRevocationsRequest(unpacking: message) else { return }
      called.yield(Channel.Call(request: request, answers: continuation))
    }

    func next() async throws(RPCError) -> ReceivedMessage? {
      do {
        for try await answer in answers {
          var buffer = ByteBuffer()
          answer.pack(into: &buffer)
          return ReceivedMessage(buffer)
        }
      } catch {
        throw RPCError(.unavailable, "\(error)")
      }
      if Task.isCancelled { throw RPCError(.cancelled, "cancelled") }
      return nil
    }

    func finish() {}
    func initialMetadata() async throws(RPCError) -> Metadata { Metadata() }
  }

  private func watching(
    silenceMax: Duration = .seconds(60),
    _ body: @Sendable (Services, Channel) async throws -> Void
  ) async throws {
    let channel = Channel()
    let services = Services(auth: channel, vault: channel, audit: channel)
    let watch = RevocationWatch(
      services, silenceMax: silenceMax,
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    let run = Task { try await watch.run() }
    try await body(services, channel)
    run.cancel()
    try await run.value
  }

  /// Whether a second request is answered without asking `auth`.
  private func isKept(_ services: Services) async throws -> Bool {
    let questions = Mutex(0)
    for _ in 1...2 {
      _ = try await services.credentials.credential(TokenDigest(bytes: [1])) {
        questions.withLock { $0 += 1 }
        return AuthAPI.AuthenticateResponse(
          account: AuthAPI.Account(id: UUID().uuidString),
          validFor: ProtoDuration(.seconds(60)), credentialId: UUID().uuidString)
      }
    }
    return questions.withLock { $0 } < 2
  }

  /// Says, until `condition` holds, that all was heard until now.
  private func tell(
    _ call: Channel.Call?, _ position: Int64, until condition: () async throws -> Bool
  ) async throws {
    let begin = ContinuousClock.now
    while true {
      call?.answers.yield(
        AuthAPI.WatchRevocationsResponse(
          position: position, knownUntil: ProtoDuration(begin.duration(to: .now))))
      if try await condition() { return }
      await Task.yield()
    }
  }

  @Test func aStreamThatEndsIsOpenedAgainWhereItStopped() async throws {
    try await watching { services, auth in
      let first = await auth.nextCall()
      #expect(first?.request.afterPosition == 0)
      #expect(try await !isKept(services))
      try await tell(first, 7) { try await isKept(services) }
      first?.answers.finish(throwing: RPCError(.unavailable, "the server is shutting down"))
      let second = await auth.nextCall()
      #expect(second?.request.afterPosition == 7)
      #expect(services.credentials.counts.known == 0)
      try await tell(second, 8) { try await isKept(services) }
      second?.answers.finish()
      #expect(await auth.nextCall()?.request.afterPosition == 8)
    }
  }

  @Test func aSilentStreamIsGivenUp() async throws {
    try await watching(silenceMax: .milliseconds(20)) { services, auth in
      let silent = await auth.nextCall()
      #expect(await auth.nextCall()?.request.afterPosition == 0)
      let isKept = try await isKept(services)
      #expect(!isKept)
      silent?.answers.finish()
    }
  }
}
