import NIOCore
import RPC
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(1))) struct InterceptorTests {
  private final class Diary: Sendable {
    let lines = Mutex<[String]>([])

    func note(_ line: String) { lines.withLock { $0.append(line) } }
  }

  /// Notes when it is entered and how it is left.
  private struct Noting: ServerInterceptor {
    let name: String
    let diary: Diary

    func intercept<Outcome: Sendable>(
      _ context: ServerContext, next: (ServerContext) async throws -> Outcome
    ) async throws -> Outcome {
      diary.note("\(name) in")
      do {
        let outcome = try await next(context)
        diary.note("\(name) ok")
        return outcome
      } catch {
        diary.note("\(name) \(RPCError(answering: error).code)")
        throw error
      }
    }
  }

  private struct Refusing: ServerInterceptor {
    func intercept<Outcome: Sendable>(
      _ context: ServerContext, next: (ServerContext) async throws -> Outcome
    ) async throws -> Outcome {
      guard context.metadata["let-me"] != nil else { throw RPCError(.permissionDenied, "no") }
      return try await next(context)
    }
  }

  @Test(arguments: Transport.allCases)
  func theyRunInOrderAroundAStreamFromItsBeginningToItsStatus(
    _ transport: Transport
  ) async throws {
    let diary = Diary()
    let service = CallService { requests, responses, _ in
      diary.note("handler")
      while let request = try await requests.next() {
        diary.note("message")
        try await responses.write(request.bytes, isCompressed: nil)
      }
      throw RPCError(.aborted, "at the end")
    }
    let interceptors = ["outer", "inner"].map { Noting(name: $0, diary: diary) }
    try await transport.run(service, interceptors: interceptors) { channel in
      let error = await failure {
        try await channel.run { stream in
          for index in 0..<2 {
            try await stream.write("\(index)")
            #expect(try await stream.nextText() == "\(index)")
          }
          stream.finish()
          return try await stream.next()
        }
      }
      #expect(error?.code == .aborted)
    }
    #expect(
      diary.lines.withLock { $0 } == [
        "outer in", "inner in", "handler", "message", "message", "inner aborted", "outer aborted",
      ])
  }

  @Test(arguments: Transport.allCases)
  func oneMayRefuseBeforeTheHandlerRuns(_ transport: Transport) async throws {
    let diary = Diary()
    let service = CallService { _, responses, _ in
      diary.note("handler")
      try await responses.write("welcome")
    }
    try await transport.run(service, interceptors: [Refusing()]) { channel in
      let refused = await failure { try await channel.run { try await $0.next() } }
      #expect(refused?.code == .permissionDenied)
      #expect(diary.lines.withLock { $0.isEmpty })
      var metadata = Metadata()
      try metadata.append("in", forKey: "let-me")
      #expect(try await channel.run(metadata: metadata) { try await $0.texts() } == ["welcome"])
    }
  }
}
