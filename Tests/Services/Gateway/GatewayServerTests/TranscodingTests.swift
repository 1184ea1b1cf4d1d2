import NIOHTTP1
import Protobuf
import ServiceAPI
import Synchronization
import Testing

@testable import API

/// Details of HTTP that users of gRPC transcoding take for granted.
@Suite(.timeLimit(.minutes(1))) struct TranscodingTests {
  private static let bearer = [("authorization", "Bearer \(FakeBackend.accessToken)")]

  /// The times that the service is asked for, when `/api/v1/audit-events` is asked with a query.
  private func times(_ query: String) async throws -> [Timestamp?] {
    try await TestGateway.run { gateway in
      let seen = Mutex<[Timestamp?]>([])
      gateway.backend.audit.on(AuditAPI.AuditMethods.listEvents) {
        (request: AuditAPI.ListEventsRequest, _) in
        seen.withLock { $0 += [request.since, request.until] }
        return AuditAPI.ListEventsResponse()
      }
      let answer = try await gateway.send(
        .GET, "/api/v1/audit-events?\(query)", headers: Self.bearer)
      #expect(answer.status == 200, "\(answer.body)")
      return seen.withLock { $0 }
    }
  }

  @Test func anOffsetMayBeWrittenWithOrWithoutAnEscape() async throws {
    let noon = Timestamp("2026-01-31T12:00:00Z")
    let seen = try await times("since=2026-01-31T14:00:00+02:00&until=2026-01-31T14:00:00%2B02:00")
    #expect(seen == [noon, noon])
    #expect(try await times("since=2026-01-31T10:30:00-01:30") == [noon, nil])
  }

  @Test(arguments: [
    "", "02:00", " 02:00", "a 02:00", "2026-01-31 12:00", "2026-01-31T12:00:00 99:00",
    "\u{E4}2:00", "2026-01-31T12:00:00Z 02:00",
  ])
  func onlyATimeGetsItsPlusBack(_ text: String) {
    #expect(JSONRoutes.restoringOffset(text) == text)
  }

  @Test func aParameterThatNobodyKnowsIsNamed() async throws {
    try await TestGateway.run { gateway in
      let answer = try await gateway.send(
        .GET, "/api/v1/audit-events?prettyPrint=true", headers: Self.bearer)
      #expect(answer.status == 400)
      #expect(answer.body.contains("prettyPrint"))
    }
  }

  @Test func aSlashBehindAnAddressIsNothing() async throws {
    try await TestGateway.run { gateway in
      let plain = try await gateway.send(.GET, "/api/v1/me", headers: Self.bearer)
      #expect(plain.status == 200)
      #expect(try await gateway.send(.GET, "/api/v1/me/", headers: Self.bearer).body == plain.body)
      #expect(try await gateway.send(.PUT, "/api/v1/me/").status == 405)
      #expect(try await gateway.send(.GET, "/api/v1/me//", headers: Self.bearer).status == 404)
      #expect(try await gateway.send(.GET, "/api/v1/nothing/").status == 404)
    }
  }

  @Test func aByteOrderMarkInFrontOfABodyIsNothing() async throws {
    try await TestGateway.run { gateway in
      let body = #"{"email":"someone@example.com","password":"quiet harbour lantern"}"#
      let created = try await gateway.json(.POST, "/api/v1/accounts", "\u{FEFF}" + body)
      #expect(created.status == 201, "\(created.body)")
      let twice = try await gateway.json(.POST, "/api/v1/accounts", "\u{FEFF}\u{FEFF}" + body)
      #expect(twice.status == 400)
    }
  }

  @Test(arguments: ["/api/v1/me", "/api/v1/me/", "/api/openapi.json", "/api/v1/nothing"])
  func headHasTheFieldsOfGet(path: String) async throws {
    try await TestGateway.run { gateway in
      let get = try await gateway.send(.GET, path, headers: Self.bearer)
      let head = try await gateway.send(.HEAD, path, headers: Self.bearer)
      #expect(head.status == get.status)
      #expect(head.body.isEmpty)
      func fields(_ answer: TestGateway.Answer) -> [String] {
        answer.headers.filter { !["date", "x-request-id"].contains($0.name.lowercased()) }
          .map { "\($0.name): \($0.value)" }.sorted()
      }
      // A problem document holds the id of its request, so that its length is the same.
      #expect(fields(head) == fields(get))
    }
  }

  @Test(arguments: [
    ("/api/v1/me", "GET, HEAD, OPTIONS"), ("/api/v1/provider-configs", "GET, HEAD, OPTIONS, POST"),
    ("/api/v1/provider-configs/", "GET, HEAD, OPTIONS, POST"),
  ])
  func optionsTellsTheVerbs(path: String, allowed: String) async throws {
    try await TestGateway.run { gateway in
      let answer = try await gateway.send(.OPTIONS, path)
      #expect(answer.status == 204)
      #expect(answer.headers["allow"] == [allowed])
      #expect(answer.body.isEmpty)
      #expect(gateway.backend.auth.calls.isEmpty)
      #expect(try await gateway.send(.OPTIONS, "/api/v1/nothing").status == 404)
    }
  }
}
