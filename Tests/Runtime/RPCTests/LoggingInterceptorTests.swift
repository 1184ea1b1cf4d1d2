import Logging
import RPC
import Synchronization
import Testing

@Suite struct LoggingInterceptorTests {
  private enum DomainError: RPCErrorConvertible {
    case missing
    var rpcError: RPCError { RPCError(.notFound, "not found", detail: "row 7") }
  }

  private struct Surprise: Error {}

  private let lines = LogLines()

  /// What is left of the failure for those further out.
  private func failure(
    level: Logger.Level = .debug, _ answer: @escaping @Sendable () throws -> String
  ) async throws -> RPCError {
    let next = Keeper()
    await #expect(throws: RPCError.self) {
      try await InterceptorCase.call(
        [next, LoggingInterceptor(logger: lines.logger(level))]
      ) { _ in try answer() }
    }
    return try #require(next.failure.withLock { $0 })
  }

  private final class Keeper: ServerInterceptor {
    let failure = Mutex<RPCError?>(nil)

    func callEnds(_ context: ServerContext, _ failure: inout RPCError?) {
      let seen = failure
      self.failure.withLock { $0 = seen }
    }
  }

  @Test func anErrorOfTheDomainBecomesItsRPCError() async throws {
    #expect(try await failure { throw DomainError.missing }.code == .notFound)
    #expect(lines.all.map { $0.text("code") } == ["notFound"])
    #expect(lines.all.first?.text("detail") == "row 7")
  }

  @Test func aSurpriseTellsItsPeerNothing() async throws {
    let error = try await failure { throw Surprise() }
    #expect(error.code == .internal)
    #expect(error.message == "internal error")
    #expect(lines.all.first?.level == .error)
    #expect(lines.all.first?.text("detail")?.contains("Surprise") == true)
  }

  @Test func aCancelledCallIsNoFault() async throws {
    #expect(try await failure { throw CancellationError() }.code == .cancelled)
    #expect(lines.all.map(\.level) == [.debug])
  }

  /// What was written is not written again further out; what was not, may be.
  @Test func theDetailIsForOneLine() async throws {
    #expect(try await failure { throw Surprise() }.detail == nil)
    #expect(try await failure(level: .error) { throw DomainError.missing }.detail == "row 7")
    #expect(lines.all.count == 1)
  }

  @Test(arguments: [
    (RPCError.Code.internal, Logger.Level.error), (.unimplemented, .error), (.dataLoss, .error),
    (.unknown, .error), (.unavailable, .warning), (.deadlineExceeded, .warning),
    (.resourceExhausted, .warning), (.permissionDenied, .warning), (.unauthenticated, .info),
    (.notFound, .debug), (.invalidArgument, .debug),
  ])
  func theLevelSaysWhoseFaultItWas(_ code: RPCError.Code, _ level: Logger.Level) async throws {
    _ = try await failure { throw RPCError(code, "no") }
    #expect(lines.all.map(\.level) == [level])
  }

  @Test func successesAreQuietUnlessAskedFor() async throws {
    let quiet = LoggingInterceptor(logger: lines.logger(.info))
    #expect(try await InterceptorCase.call([quiet]) { _ in "7" } == "7")
    #expect(lines.all.isEmpty)
    _ = try await InterceptorCase.call([LoggingInterceptor(logger: lines.logger(.debug))])
    #expect(lines.all.first?.text("method") == "/a.B/C")
    #expect(lines.all.first?.text("peer") == "192.0.2.1:40000")
  }

  @Test func theLineNamesThePeerByItsCertificateAndTheRequestByItsID() async throws {
    let interceptor = LoggingInterceptor(logger: lines.logger(.debug), requestIDKey: "request-id")
    _ = try await InterceptorCase.call(
      [interceptor], metadata: try Metadata(texts: ["request-id": "r-7", "secret": "s"]),
      peer: Peer(address: "192.0.2.1:1", identities: ["spiffe://chatelaine/gateway"]))
    let line = try #require(lines.all.first)
    #expect(line.text("peer") == "spiffe://chatelaine/gateway")
    #expect(line.text("request") == "r-7")
    #expect(Set(line.fields.keys) == ["method", "code", "microseconds", "peer", "request"])
  }
}
