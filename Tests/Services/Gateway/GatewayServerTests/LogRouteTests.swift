import NIOHTTP1
import Protobuf
import RPC
import ServiceAPI
import Synchronization
import Testing

@testable import API

/// The log's tree as HTTP has it, and a person's proofs.
@Suite struct LogRouteTests {
  @Test(
    arguments: [
      ("/0/000", 0, 0, 256), ("0/000", 0, 0, 256), ("/1/x001/234", 1, 1_234, 256),
      ("/entries/000.p/17", nil, 0, 17), ("/2/x001/x234/067.p/255", 2, 1_234_067, 255),
    ] as [(String, Int32?, Int64, Int32)])
  func aPathSaysWhichTile(_ path: String, _ level: Int32?, _ index: Int64, _ width: Int32) {
    let tile = TilePath(path)
    #expect(tile?.level == level)
    #expect(tile?.index == index)
    #expect(tile?.width == width)
  }

  @Test(arguments: [
    "", "/", "/0", "/0/", "/0/0", "/0/0000", "/6/000", "/-1/000", "/x/000", "/0/001/002",
    "/0/x001", "/0/x000/001", "/0/000.p", "/0/000.p/0", "/0/000.p/256", "/0/000.p/017",
    "/0/000.p/x", "/0/000/17", "/entries", "/0/x1/000", "/0/+01", "/0/\u{0661}00",
    "/0/x001/x001/x001/x001/x001/x001/001",
  ])
  func anyOtherSpellingIsNone(_ path: String) {
    #expect(TilePath(path) == nil)
  }

  @Test func checkpointKeyAndTilesAreThereForEverybody() async throws {
    try await TestGateway.run { gateway in
      let audit = gateway.backend.audit
      audit.on(AuditAPI.AuditMethods.getCheckpoint) {
        (_: AuditAPI.GetCheckpointRequest, _) in
        AuditAPI.Checkpoint(note: "a\n1\nx\n", key: "a+0+b", size: 1)
      }
      audit.on(AuditAPI.AuditMethods.getTile) { (request: AuditAPI.GetTileRequest, _) in
        guard request.index == 0 else { throw RPCError(.notFound, "there is no such thing") }
        return AuditAPI.GetTileResponse(
          content: Array("\(request.level) \(request.width) \(request.leaves)".utf8))
      }
      let checkpoint = try await gateway.send(.GET, "/log/checkpoint")
      #expect(checkpoint.body == "a\n1\nx\n")
      #expect(checkpoint.headers["content-type"] == ["text/plain; charset=utf-8"])
      #expect(try await gateway.send(.GET, "/log/key").body == "a+0+b\n")
      #expect(try await gateway.send(.GET, "/log/tile/1/000.p/7").body == "1 7 false")
      #expect(try await gateway.send(.GET, "/log/tile/entries/000").body == "0 256 true")
      for path in ["/log/tile/0/001", "/log/tile/0/1", "/log/tile/", "/log"] {
        #expect(try await gateway.send(.GET, path).status == 404)
      }
    }
  }

  @Test func proofsComePageByPageForWhoeverIsSignedIn() async throws {
    try await TestGateway.run { gateway in
      let requests = Mutex<[AuditAPI.ProveEventsRequest]>([])
      gateway.backend.audit.on(AuditAPI.AuditMethods.proveEvents) {
        (request: AuditAPI.ProveEventsRequest, metadata) in
        try FakeBackend.requireAssertion(metadata)
        requests.withLock { $0.append(request) }
        return AuditAPI.ProveEventsResponse(
          header: request.size == 0 ? Array("header".utf8) : [],
          lines: [Array("line \(request.afterEvent)".utf8)], size: 9,
          nextAfterEvent: request.afterEvent < 2 ? request.afterEvent + 1 : 0)
      }
      let path = "/api/v1/audit-log/proof"
      #expect(try await gateway.send(.GET, path).status == 401)
      let bearer = [("authorization", "Bearer \(FakeBackend.accessToken)")]
      let answer = try await gateway.send(.GET, path + "?since=4", headers: bearer)
      #expect(answer.status == 200)
      #expect(answer.body == "header\nline 0\nline 1\nline 2\n")
      #expect(requests.withLock { $0.map(\.since) } == [4, nil, nil])
      #expect(requests.withLock { $0.map(\.size) } == [0, 9, 9])
      for wrong in ["?since=x", "?since=", "?page=1"] {
        #expect(
          try await gateway.send(.GET, path + wrong, headers: bearer).status == 400)
      }
    }
  }

  @Test func thePagesSayUpToWhereTheLogIsSignedAndGiveProofs() async throws {
    try await TestGateway.run { gateway in
      let session = [("cookie", "chatelaine-session=\(FakeBackend.sessionToken)")]
      func page(_ path: String) async throws -> String {
        try await gateway.send(.GET, path, headers: session).body
      }
      #expect(!(try await page("/audit")).contains("Signed up to"))
      #expect(!(try await page("/audit/e1")).contains("Its proof"))
      let size = Mutex(4_811 as Int64)
      gateway.backend.audit.on(AuditAPI.AuditMethods.getCheckpoint) {
        (_: AuditAPI.GetCheckpointRequest, _) in
        AuditAPI.Checkpoint(
          note: "n", time: Timestamp(seconds: 1_795_469_700), key: "k", size: size.withLock { $0 })
      }
      let log = try await page("/audit")
      #expect(log.contains("Signed up to"))
      #expect(log.contains("entry 4,811"))
      #expect(log.contains("href=\"/api/v1/audit-log/proof\""))
      // Its number is 4,812.
      #expect(!(try await page("/audit/e1")).contains("Its proof"))
      size.withLock { $0 = 4_812 }
      #expect(try await page("/audit/e1").contains("href=\"/api/v1/audit-log/proof?id=e1\""))
    }
  }
}
