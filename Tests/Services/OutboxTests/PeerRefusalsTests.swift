import Identity
import Logging
import RPC
import ServiceAPI
import Synchronization
import TestSupport
import Testing

@testable import Outbox

@Suite(.timeLimit(.minutes(1))) struct PeerRefusalsTests {
  /// What was recorded, in order.
  private final class Ledger: Sendable {
    private let lines = Mutex<[String]>([])

    var all: [String] { lines.withLock { $0 } }

    func add(_ line: String) { lines.withLock { $0.append(line) } }
  }

  @Test func aPeerThatKeepsAskingIsRecordedOnceForEachMethod() async throws {
    let ledger = Ledger()
    let refusals = PeerRefusals(logger: .quiet) { peer, method in ledger.add("\(peer) \(method)") }
    let vault = Peer(address: "test", identities: [PeerIdentity.vault])
    let running = Task { try await refusals.run() }
    defer { running.cancel() }
    for _ in 0..<100 { refusals.note(vault, AuditAPI.AuditMethods.listEvents) }
    refusals.note(vault, AuditAPI.AuditMethods.appendEvents)
    refusals.note(
      Peer(address: "test", identities: ["spiffe://elsewhere/vault"]),
      AuditAPI.AuditMethods.listEvents)
    while ledger.all.count < 3 { try await Task.sleep(for: .milliseconds(5)) }
    #expect(
      ledger.all == [
        "vault /chatelaine.audit.v1.Audit/ListEvents",
        "vault /chatelaine.audit.v1.Audit/AppendEvents",
        "unknown /chatelaine.audit.v1.Audit/ListEvents",
      ])
  }

  @Test func aRefusalThatCanNotBeRecordedDoesNotEndTheRecording() async throws {
    struct Failure: Error {}
    let ledger = Ledger()
    let refusals = PeerRefusals(logger: .quiet) { peer, method in
      ledger.add(method)
      throw Failure()
    }
    let running = Task { try await refusals.run() }
    defer { running.cancel() }
    let peer = Peer(address: "test", identities: [PeerIdentity.gateway])
    refusals.note(peer, AuditAPI.AuditMethods.listEvents)
    refusals.note(peer, AuditAPI.AuditMethods.appendEvents)
    while ledger.all.count < 2 { try await Task.sleep(for: .milliseconds(5)) }
  }
}
