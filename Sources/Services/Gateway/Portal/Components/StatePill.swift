import FoundationEssentials
import Protobuf
import ServiceAPI

/// How something is, as a word and a shape, never by colour alone.
struct StatePill: Sendable, Hashable {
  /// The shape and the wash.
  enum Tone: String, Sendable {
    /// A disc.
    case good
    /// A triangle.
    case warn
    /// A diamond.
    case bad
    /// A ring.
    case calm
  }

  let text: String
  /// The stylesheet's word for the tone.
  let tone: String

  init(_ text: String, _ tone: Tone) {
    self.text = text
    self.tone = tone.rawValue
  }
}

extension StatePill {
  /// How a key is, by its switch and what its provider said last.
  init(_ config: VaultAPI.ProviderConfig) {
    guard config.enabled else {
      self.init("Disabled", .calm)
      return
    }
    guard config.quarantineTime == nil else {
      self.init("In quarantine", .bad)
      return
    }
    if let time = config.expireTime, time.seconds <= Int64(Date().timeIntervalSince1970) {
      self.init("Expired", .bad)
      return
    }
    // An answer that never came has no status.
    if config.health?.lastFailure == .unreachable, config.health?.consecutiveFailures ?? 0 > 0 {
      self.init("Unreachable", .warn)
      return
    }
    switch config.health?.lastStatus {
    case nil: self.init("Not checked", .calm)
    case 401, 403: self.init("Refused", .bad)
    case 402: self.init("Out of credit", .bad)
    case 429: self.init("Rate limited", .warn)
    case .some(500...), .some(..<100): self.init("Unreachable", .warn)
    // The provider knew the key and didn't like the request.
    default: self.init("Works", .good)
    }
  }

  /// How an entry of the audit log ended.
  init(_ outcome: AuditAPI.AuditEvent.Outcome) {
    switch outcome {
    case .success: self.init("Done", .good)
    case .failure: self.init("Failed", .warn)
    case .denied: self.init("Refused", .bad)
    case .unspecified, .unrecognized: self.init("Unknown", .calm)
    }
  }

  /// Whether its owner should look at it.
  var needsAttention: Bool { tone == Tone.bad.rawValue }
}
