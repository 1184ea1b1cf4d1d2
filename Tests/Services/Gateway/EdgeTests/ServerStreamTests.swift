import HTTPTypes
import Logging
import NIOCore
import NIOPosix
import Testing

@testable import Edge

@Suite(.timeLimit(.minutes(1))) struct ServerStreamTests {
  enum Step: CaseIterable, Sendable {
    /// Work for the answer has begun.
    case answer
    /// Nobody but the client needs that work.
    case watch
    /// The client has closed its side.
    case leave
  }

  private struct Scope: RequestScope {
    var logFields: Logger.Metadata { [:] }

    func run(_ answer: () async throws -> Response) async throws -> Response {
      try await answer()
    }

    func ended(
      _ method: HTTPRequest.Method, route: String, status: HTTPResponse.Status,
      after duration: Duration
    ) {}
  }

  /// Answers with what `work` returns.
  static func answers(
    _ work: @escaping @Sendable () async -> Void
  ) throws -> EdgeAnswers {
    let route = try Route(["GET"], "/", .plain) { _ in
      await work()
      return Response(status: .ok)
    }
    return EdgeAnswers(
      responder: EdgeResponder(
        routes: RouteTable([route]), securityHeaders: SecurityHeaders(isSecure: false),
        trustedProxies: TrustedProxies(),
        errorPage: { problem, _, _ in problem.response(requestID: "") },
        scope: { _ in Scope() }, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }))
  }

  private static func request(_ stream: ServerStream) -> Request {
    Request(
      head: HTTPRequest(method: .get, scheme: "http", authority: "a", path: "/"),
      body: stream.body, hasBody: false)
  }

  /// A client may leave at any moment: whichever comes last must end the work.
  @Test(arguments: [
    [Step.answer, .watch, .leave], [.answer, .leave, .watch], [.watch, .answer, .leave],
    [.watch, .leave, .answer], [.leave, .answer, .watch], [.leave, .watch, .answer],
  ])
  func aClientThatLeftEndsItsRequestInAnyOrder(_ steps: [Step]) async throws {
    let (ends, end) = AsyncStream.makeStream(of: Bool.self)
    let answers = try Self.answers {
      try? await Task.sleep(for: .seconds(3_600))
      end.yield(Task.isCancelled)
    }
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    let stream = ServerStream(on: loop, remoteAddress: nil)
    try await loop.submit {
      for step in steps {
        switch step {
        case .answer: stream.answer(Self.request(stream), by: answers)
        case .watch: stream.watchClient()
        case .leave: stream.clientLeft()
        }
      }
    }.get()
    #expect(await ends.first { _ in true } == true)
  }

  @Test func aClientThatLeavesWhenItsAnswerIsDueEndsNothing() async throws {
    let (begun, begin) = AsyncStream.makeStream(of: Void.self)
    let (left, leave) = AsyncStream.makeStream(of: Void.self)
    let (ends, end) = AsyncStream.makeStream(of: Bool.self)
    let answers = try Self.answers {
      begin.yield()
      _ = await left.first { _ in true }
      end.yield(Task.isCancelled)
    }
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    let stream = ServerStream(on: loop, remoteAddress: nil)
    loop.execute { stream.answer(Self.request(stream), by: answers) }
    _ = await begun.first { _ in true }
    try await loop.submit {
      stream.watchClient()
      stream.unwatchClient()
      stream.clientLeft()
    }.get()
    leave.yield()
    #expect(await ends.first { _ in true } == false)
  }
}
