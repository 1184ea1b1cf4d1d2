import Audit
import Callers
import Cryptography
import Foundation
import Identity
import Protobuf
import RPC
import RPCInProcess
import Receipts
import ServiceAPI
import ServiceRuntime
import Testing

@testable import AuditServer

/// The whole audit service behind its interceptors, called as its peers call it.
@Suite struct AuditHandlerTests {
  private let signer: AssertionSigner
  private let owner = Caller(
    userID: UserID(UUID()), email: "owner@example.org", credential: .session(UUID()))

  init() throws { signer = AssertionSigner(key: try Ed25519.SigningKey.generate()) }

  private func withAudit(
    _ body: (_ client: (String) -> AuditAPI.AuditClient) async throws -> Void
  ) async throws {
    try await AuditDatabase.with { database in
      let handler = AuditHandler(audit: Audit.AuditService(store: database.store))
      let interceptors = ServiceChassis.interceptors(
        AuditServer.callPolicy(
          AssertionVerifier(publicKeys: [signer.verifyingKey], audience: .audit)),
        logger: .quiet)
      try await body { identity in
        AuditAPI.AuditClient(
          channel: InProcessChannel(
            services: [handler], interceptors: interceptors,
            peer: Peer(address: "test", identities: [identity])))
      }
    }
  }

  private func acting(as caller: Caller) throws -> CallOptions {
    .acting(
      with: try signer.sign(caller, audience: [.audit], lifetime: .seconds(60)).bytes,
      origin: CallOrigin())
  }

  private func event(
    _ change: (inout AuditAPI.AuditEvent) -> Void = { _ in }
  )
    -> AuditAPI.AuditEvent
  {
    var event = AuditAPI.AuditEvent(
      id: UUID().uuidString.lowercased(), time: Timestamp(Date()),
      actor: .init(type: "user", id: owner.userID.text, name: owner.email),
      action: "session.create", target: .init(type: "session", id: "1"), outcome: .success,
      details: Struct(fields: ["credential": .string("session")]), source: "forged",
      accountId: owner.userID.text)
    change(&event)
    return event
  }

  @Test func theSourceIsThePeersCertificateAndNotItsWord() async throws {
    try await withAudit { client in
      let sent = event()
      let answer = try await client(PeerIdentity.vault).appendEvents(
        .init(events: [sent, sent]), options: CallOptions())
      #expect(answer.appended == 1)
      #expect(answer.duplicates == 1)
      let page = try await client(PeerIdentity.gateway).listEvents(
        .init(), options: acting(as: owner))
      #expect(page.events.map(\.source) == ["vault"])
      #expect(page.events.map(\.sequence) == [1])
      #expect(page.events.first?.details == sent.details)
      #expect(page.events.first?.id == sent.id)
    }
  }

  @Test func everyReaderSeesTheirOwnLogOnly() async throws {
    try await withAudit { client in
      _ = try await client(PeerIdentity.auth).appendEvents(
        .init(events: [
          event(), event { $0.accountId = UUID().uuidString }, event { $0.accountId = "" },
        ]),
        options: CallOptions())
      let page = try await client(PeerIdentity.gateway).listEvents(
        .init(), options: acting(as: owner))
      #expect(page.events.count == 1)
      let error = await #expect(throws: RPCError.self) {
        try await client(PeerIdentity.gateway).listEvents(.init(), options: CallOptions())
      }
      #expect(error?.code == .unauthenticated)
    }
  }

  @Test func onlyListedPeersReachEachMethod() async throws {
    try await withAudit { client in
      for identity in [PeerIdentity.operator, PeerIdentity.audit, "", "spiffe://chatelaine/x"] {
        let error = await #expect(throws: RPCError.self) {
          try await client(identity).appendEvents(.init(), options: CallOptions())
        }
        #expect(error?.code == .permissionDenied)
      }
      for identity in [PeerIdentity.vault, PeerIdentity.auth, PeerIdentity.operator] {
        let error = await #expect(throws: RPCError.self) {
          try await client(identity).listEvents(.init(), options: acting(as: owner))
        }
        #expect(error?.code == .permissionDenied)
      }
    }
  }

  @Test func aBadEventNamesItsPlaceAndFieldAndNothingIsKept() async throws {
    let spoils: [(String, (inout AuditAPI.AuditEvent) -> Void)] = [
      ("id", { $0.id = "1" }), ("time", { $0.time = nil }),
      ("time", { $0.time = Timestamp(seconds: -1) }),
      ("outcome", { $0.outcome = .unspecified }), ("outcome", { $0.outcome = .unrecognized(9) }),
      ("accountId", { $0.accountId = "x" }), ("action", { $0.action = "" }),
      ("action", { $0.action = "Drop Table" }), ("actor.type", { $0.actor = nil }),
      ("target.type", { $0.target = nil }),
      ("userAgent", { $0.userAgent = String(repeating: "a", count: 513) }),
      ("requestId", { $0.requestId = "a\u{0}" }),
      (
        "details",
        { $0.details = Struct(fields: ["x": .string(String(repeating: "a", count: 20_000))]) }
      ),
    ]
    try await withAudit { client in
      for (field, spoil) in spoils {
        let error = await #expect(throws: RPCError.self) {
          try await client(PeerIdentity.vault).appendEvents(
            .init(events: [event(), event(spoil)]), options: CallOptions())
        }
        #expect(error?.code == .invalidArgument)
        guard case .badRequest(let named, _) = error?.details.first else {
          Issue.record("no field was named for \(field)")
          continue
        }
        #expect(named == "events[1].\(field)")
      }
      let page = try await client(PeerIdentity.gateway).listEvents(
        .init(), options: acting(as: owner))
      #expect(page.events.isEmpty)
    }
  }

  @Test(
    arguments: [
      (-9_000_000_000_000_000, 0, "since.seconds"), (.max, 0, "since.seconds"),
      (0, -1, "since.nanos"),
    ] as [(Int64, Int32, String)])
  func aQueryFromOutsideTheCalendarIsRefusedAndTheNextIsAnswered(
    _ seconds: Int64, _ nanos: Int32, _ field: String
  ) async throws {
    try await withAudit { client in
      let error = await #expect(throws: RPCError.self) {
        try await client(PeerIdentity.gateway).listEvents(
          .init(since: Timestamp(seconds: seconds, nanos: nanos)), options: acting(as: owner))
      }
      #expect(error?.code == .invalidArgument)
      guard case .badRequest(let named, _) = error?.details.first else {
        Issue.record("no field was named: \(String(describing: error))")
        return
      }
      #expect(named == field)
      let page = try await client(PeerIdentity.gateway).listEvents(
        .init(since: Timestamp(seconds: 0)), options: acting(as: owner))
      #expect(page.events.isEmpty)
    }
  }

  @Test func badQueriesNameTheirField() async throws {
    try await withAudit { client in
      let queries: [(String, AuditAPI.ListEventsRequest)] = [
        ("pageToken", .init(pageToken: "x")), ("pageSize", .init(pageSize: 201)),
        ("pageSize", .init(pageSize: -1)), ("action", .init(action: "a'b")),
        ("outcome", .init(outcome: .unrecognized(7))),
        ("since", .init(since: Timestamp(seconds: 2), until: Timestamp(seconds: 1))),
      ]
      for (field, query) in queries {
        let error = await #expect(throws: RPCError.self) {
          try await client(PeerIdentity.gateway).listEvents(query, options: acting(as: owner))
        }
        #expect(error?.code == .invalidArgument)
        guard case .badRequest(field, _) = error?.details.first else {
          Issue.record("\(field): \(String(describing: error))")
          continue
        }
      }
    }
  }
}
