import Cryptography
import FoundationEssentials
import Identity
import Receipts
import UseCases

extension VaultService {
  /// Uses whose ends are told together.
  package static let usesPerBatchMax = 256

  /// Records how uses ended, each in the log of the account whose key it was, and with its key what
  /// the provider said to it.
  ///
  /// A use that is told again has the same receipt, which the log keeps once.
  package func recordUses(_ ends: [UseEnd], by service: String) async throws(VaultError) {
    try await door.perform(.credentialUse, by: .service(service), from: CallOrigin()) {
      (_) async throws(VaultError) -> Act<Void> in
      guard ends.count <= Self.usesPerBatchMax else {
        throw .invalid(.uses, reason: "holds more than \(Self.usesPerBatchMax) uses")
      }
      let time = door.now
      try await store.recordUses(
        ends.map { $0.receipt(atMost: time) }, health: Self.health(ends), quarantine(at: time),
        at: time)
      return .committed(())
    }
  }

  /// By the key that was used, not by the configuration, which may have another by now.
  private static func health(_ ends: [UseEnd]) -> [KeyHealthChange] {
    struct Key: Hashable {
      let configID: UUID
      let version: Int
    }
    var changes: [Key: KeyHealthChange] = [:]
    for end in ends {
      guard let userID = end.resolve.accountID, let id = UUID(uuidString: end.resolve.target.id)
      else { continue }
      let version = end.keyVersion
      changes[
        Key(configID: id, version: version),
        default: KeyHealthChange(configID: id, userID: userID, keyVersion: version)
      ].hear(end)
    }
    return changes.values.filter(\.saysSomething)
  }

  private func quarantine(at time: Date) -> QuarantineRule {
    QuarantineRule(refusalsMax: refusalsMax) { config in
      var entry = door.consequence(.providerConfigQuarantine, by: Self.name)
      entry.isAbout(config)
      entry.show(in: config.userID)
      entry.set("refusals", .number(config.health?.consecutiveRefusals ?? 0))
      entry.set(Entry.keyVersion, .number(config.keyVersion))
      return (entry.success(at: time), notice(.quarantined, of: config, at: time))
    }
  }
}

extension UseEnd {
  private static let idLabel = Array("chatelaine end of use".utf8)

  /// The same who, what and where as in the resolve's receipt, and what came of it.
  ///
  /// - Parameter now: a gateway's clock that runs fast must not put entries into the future.
  func receipt(atMost now: Date) -> Receipt {
    var details = resolve.details
    details["reason"] = failure.map { .text($0.rawValue) }
    details["resolve"] = .text(resolve.id.uuidString.lowercased())
    details["status"] = .number(status)
    details["firstByteMilliseconds"] = firstByteMilliseconds.map { .number($0) }
    details["milliseconds"] = .number(milliseconds)
    details["requestBytes"] = .number(requestBytes)
    details["responseBytes"] = .number(responseBytes)
    if let modelUse { details.merge(modelUse.details) { _, new in new } }
    return Receipt(
      id: id, time: min(now, resolve.time.addingTimeInterval(Double(milliseconds) / 1_000)),
      actor: resolve.actor, action: .credentialUse, target: resolve.target,
      outcome: failure == nil ? .success : .failure, origin: resolve.origin, details: details,
      accountID: resolve.accountID)
  }

  /// Follows from the resolve's, so that a use has one end however often it is told.
  private var id: UUID {
    let digest = withUnsafeBytes(of: resolve.id.uuid) { SHA256Digest.hash(Self.idLabel + $0) }
    var bytes = Array(digest.prefix(16))
    // A UUID of a form of one's own (RFC 9562, 5.8).
    bytes[6] = bytes[6] & 0x0F | 0x80
    bytes[8] = bytes[8] & 0x3F | 0x80
    return bytes.withUnsafeBytes { UUID(uuid: $0.loadUnaligned(as: uuid_t.self)) }
  }
}
