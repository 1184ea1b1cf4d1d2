import Logging
import RPC
import Synchronization
import Testing

@testable import ServiceRuntime

@Suite struct CallLogInterceptorTests {
  private enum DomainError: RPCErrorConvertible {
    case missing
    var rpcError: RPCError { RPCError(.notFound, "not found", detail: "row 7") }
  }

  private struct Surprise: Error {}

  private final class Lines: Sendable {
    let text = Mutex("")
  }

  private let lines = Lines()

  private func outcome(
    level: Logger.Level = .debug, _ body: @escaping @Sendable () async throws -> Int
  ) async -> Result<Int, any Error> {
    let logger = Logger(label: "test") { [lines] in
      JSONLogHandler(
        label: $0, logLevel: level,
        write: { line in lines.text.withLock { $0 += String(decoding: line, as: UTF8.self) } })
    }
    let context = ServerContext(
      method: MethodDescriptor(service: "s", method: "m", shape: .unary), metadata: Metadata(),
      deadline: nil, peer: Peer(address: "192.0.2.1:1"))
    do {
      let value = try await CallLogInterceptor(logger: logger).intercept(context) { _ in
        try await body()
      }
      return .success(value)
    } catch {
      return .failure(error)
    }
  }

  private var logged: String { lines.text.withLock { $0 } }

  @Test func anErrorOfTheDomainBecomesItsRPCError() async throws {
    let result = await outcome { throw DomainError.missing }
    let error = try #require(throws: RPCError.self) { try result.get() }
    #expect(error.code == .notFound)
    #expect(logged.contains("\"code\":\"notFound\""))
    #expect(logged.contains("row 7"))
  }

  @Test func aSurpriseTellsItsPeerNothing() async throws {
    let result = await outcome { throw Surprise() }
    let error = try #require(throws: RPCError.self) { try result.get() }
    #expect(error.code == .internal)
    #expect(error.message == "internal error")
    #expect(logged.contains("Surprise"))
    #expect(logged.contains("\"level\":\"error\""))
  }

  @Test func aCancelledCallIsNoFault() async throws {
    let result = await outcome { throw CancellationError() }
    #expect(try #require(throws: RPCError.self) { try result.get() }.code == .cancelled)
    #expect(!logged.contains("\"level\":\"error\""))
  }

  @Test func successesAreQuietUnlessAskedFor() async throws {
    #expect(try await outcome(level: .info) { 7 }.get() == 7)
    #expect(logged.isEmpty)
    _ = await outcome { 7 }
    #expect(logged.contains("\"method\":\"/s/m\""))
  }
}
