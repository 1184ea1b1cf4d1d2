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
  private final class Noting: ServerInterceptor {
    let name: String
    let diary: Diary

    init(name: String, diary: Diary) {
      self.name = name
      self.diary = diary
    }

    func callBegins(_ context: ServerContext) {
      diary.note("\(name) in")
    }

    func callEnds(_ context: ServerContext, _ failure: inout RPCError?) {
      diary.note("\(name) \(failure?.code ?? .ok)")
    }
  }

  private final class Refusing: ServerInterceptor {
    func callBegins(_ context: ServerContext) throws {
      guard context.metadata["let-me"] != nil else { throw RPCError(.permissionDenied, "no") }
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

  /// Has the last word on how calls end.
  private final class Forgiving: ServerInterceptor {
    func callEnds(_ context: ServerContext, _ failure: inout RPCError?) {
      if failure?.code == .notFound { failure?.code = .permissionDenied }
      if context.metadata["spoil"] != nil, failure == nil { failure = RPCError(.dataLoss, "gone") }
    }
  }

  @Test(arguments: Transport.allCases)
  func thoseBehindARefusalSeeNothingAndThoseBeforeItSeeTheEnd(_ transport: Transport) async throws {
    let diary = Diary()
    let service = CallService { _, _, _ in diary.note("handler") }
    let interceptors: [any ServerInterceptor] = [
      Noting(name: "outer", diary: diary), Refusing(), Noting(name: "inner", diary: diary),
    ]
    try await transport.run(service, interceptors: interceptors) { channel in
      _ = await failure { try await channel.run { try await $0.next() } }
    }
    #expect(diary.lines.withLock { $0 } == ["outer in", "outer permissionDenied"])
  }

  @Test(arguments: Transport.allCases)
  func oneMayChangeHowACallEnds(_ transport: Transport) async throws {
    let service = CallService { _, _, context in
      if context.metadata["spoil"] == nil { throw RPCError(.notFound, "no such thing") }
    }
    var metadata = Metadata()
    try metadata.append("yes", forKey: "spoil")
    try await transport.run(service, interceptors: [Forgiving()]) { channel in
      let changed = await failure { try await channel.run { try await $0.next() } }
      #expect(changed?.code == .permissionDenied)
      let spoilt = await failure {
        try await channel.run(metadata: metadata) { try await $0.next() }
      }
      #expect(spoilt?.code == .dataLoss)
    }
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
