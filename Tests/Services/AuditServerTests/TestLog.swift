import Audit
import Cryptography
import Foundation
import Identity
import Postgres
import Testing
import TransparencyLog
import UseCases

@testable import AuditServer

/// The log of a database with its tree, as the service keeps it.
struct TestLog {
  let database: AuditDatabase
  let signer: LogSigner

  init(_ database: AuditDatabase, signer: LogSigner? = nil) throws {
    self.database = database
    let key = try Ed25519.SigningKey.generate()
    self.signer = try #require(signer ?? LogSigner(key: key))
  }

  var integrator: LogIntegrator {
    LogIntegrator(
      postgres: database.postgres, signer: signer, metrics: LogMetrics(), logger: .quiet)
  }

  var audit: Audit.AuditService {
    Audit.AuditService(
      store: database.store,
      log: (PostgresLogStore(postgres: database.postgres), signer.publicKey))
  }

  /// Appends and puts into the tree.
  func add(_ events: [AuditEvent]) async throws {
    _ = try await database.store.append(events)
    while try await integrator.integrate() > 0 {}
  }

  func caller(_ account: UserID) -> Caller {
    Caller(userID: account, email: "owner@example.org", credential: .session(UUID()))
  }

  /// Everything that the account is given, page by page.
  func export(
    _ account: UserID, pageSize: Int = 500, since: UInt64? = nil
  ) async throws -> [[UInt8]] {
    var query = Audit.AuditService.ProofQuery()
    (query.limit, query.since) = (pageSize, since)
    var lines: [[UInt8]] = []
    while true {
      let page = try await audit.proofs(query, for: caller(account), from: CallOrigin())
      if let header = page.header { lines.append(header) }
      lines += page.lines
      guard let next = page.next else { return lines }
      (query.behind, query.size) = (next, page.size)
    }
  }

  /// The leaves of the whole log, as anybody may read them.
  func leaves() async throws -> [[UInt8]] {
    let signed = try await audit.checkpoint(for: "gateway").signed
    let size = try Checkpoint.verified(signed.note, by: signer.publicKey).size
    var leaves: [[UInt8]] = []
    for index in 0...size / 256 where index * 256 < size {
      let width = Int(min(256, size - index * 256))
      let bundle = try await audit.leaves(ofBundle: index, width: width, for: "gateway")
      leaves += try #require(LeafBundle.decode(bundle))
    }
    return leaves
  }

  /// What a reader with the log's public key finds wrong in a file, and in the leaves if there are
  /// any; nil when everything holds.
  func fault(
    in file: [[UInt8]], leaves: [[UInt8]]? = nil, since old: Checkpoint? = nil
  ) throws -> ProofFault.Reason? {
    do throws(ProofFault) {
      var reader = try ProofReader(header: file.first ?? [], key: signer.publicKey)
      for line in file.dropFirst() { try reader.read(line) }
      try reader.finish()
      if let old { _ = try reader.continues(old) }
      if let leaves {
        var scan = LeafScan(reader)
        for leaf in leaves { try? scan.take(leaf) }
        try scan.finish()
      }
      return nil
    } catch {
      return error.reason
    }
  }

  func checkpoint() async throws -> Checkpoint {
    try Checkpoint.verified(
      try await audit.checkpoint(for: "gateway").signed.note, by: signer.publicKey)
  }
}
