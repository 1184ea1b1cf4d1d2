package import FoundationEssentials
package import Identity
package import Receipts

/// What an answer of a provider means for the key; the raw value is what is stored.
package enum KeyState: String, Sendable, Hashable, CaseIterable {
  /// The provider took it.
  case valid
  /// The provider doesn't know it, or doesn't take it any more.
  case refused
  /// Its account has no credit left.
  case noCredit = "no-credit"
  /// It asks too often.
  case rateLimited = "rate-limited"
  /// There was no answer, or one that only says that the provider is broken.
  case unreachable

  /// What a status says, or the lack of one; nil where nothing follows for the key.
  init?(status: Int, failure: UseEnd.Failure?) {
    switch status {
    case 0:
      guard [.unreachable, .timedOut, .brokenOff].contains(failure) else { return nil }
      self = .unreachable
    case ..<400: self = .valid
    case 401, 403: self = .refused
    case 402: self = .noCredit
    case 429: self = .rateLimited
    case 500...: self = .unreachable
    // The provider didn't like the request.
    default: return nil
    }
  }
}

/// How a provider takes a key, as far as uses through the proxy and tests tell.
package struct KeyHealth: Sendable, Hashable {
  /// The provider's last status; 0 when it has never answered.
  package var lastStatus: Int
  /// Precise to a minute while the status stays the same.
  package var lastAnswerTime: Date
  /// Refusals since the last use that the provider took.
  package var consecutiveRefusals: Int
  /// The last use that went well; precise to a minute.
  package var lastGoodTime: Date?
  /// The last that didn't, for a reason that is the key's or the provider's.
  package var lastFailureTime: Date?
  /// That reason; never `.valid`.
  package var lastFailure: KeyState?
  /// Such failures since the last use that went well.
  package var consecutiveFailures: Int

  package init(
    lastStatus: Int, lastAnswerTime: Date, consecutiveRefusals: Int, lastGoodTime: Date? = nil,
    lastFailureTime: Date? = nil, lastFailure: KeyState? = nil, consecutiveFailures: Int = 0
  ) {
    self.lastStatus = lastStatus
    self.lastAnswerTime = lastAnswerTime
    self.consecutiveRefusals = consecutiveRefusals
    self.lastGoodTime = lastGoodTime
    self.lastFailureTime = lastFailureTime
    self.lastFailure = lastFailure
    self.consecutiveFailures = consecutiveFailures
  }
}

/// What the uses of one batch say of one key.
package struct KeyHealthChange: Sendable, Hashable {
  package let configID: UUID
  package let userID: UserID
  /// Of the key that was used; 0 where a vault of an earlier version gave it out. What is told of a
  /// key that was replaced meanwhile says nothing of the one that is there.
  package let keyVersion: Int
  /// The last that came; 0 when none did.
  package private(set) var status = 0
  /// Refusals since the last use in the batch that the provider took.
  package private(set) var refusals = 0
  /// Whether the provider took one, which ends the count that was.
  package private(set) var isAccepted = false
  /// Failures since the last use in the batch that went well.
  package private(set) var failures = 0
  /// Whether one went well.
  package private(set) var isGood = false
  package private(set) var lastFailure: KeyState?

  init(configID: UUID, userID: UserID, keyVersion: Int) {
    self.configID = configID
    self.userID = userID
    self.keyVersion = keyVersion
  }

  /// A provider that is busy or broken says nothing of whether it takes the key; one that limits
  /// its use, or wants to be paid, knows it.
  mutating func hear(_ end: UseEnd) {
    if end.status > 0 { status = end.status }
    guard let state = end.keyState else { return }
    switch state {
    case .valid: (refusals, isAccepted, failures, isGood) = (0, true, 0, true)
    case .refused: refusals += 1
    case .rateLimited, .noCredit: (refusals, isAccepted) = (0, true)
    case .unreachable: break
    }
    if state != .valid {
      failures += 1
      lastFailure = state
    }
  }

  /// Whether anything was heard.
  var saysSomething: Bool { status > 0 || isAccepted || refusals > 0 || failures > 0 }
}

/// When a key is put into quarantine.
package struct QuarantineRule: Sendable {
  /// Refusals in a row; 0 never.
  package let refusalsMax: Int
  /// What is recorded, and told to the owner, of a key that goes into quarantine.
  package let act: @Sendable (ProviderConfig) -> (receipt: Receipt, notice: KeyNotice)

  package init(
    refusalsMax: Int,
    act: @escaping @Sendable (ProviderConfig) -> (receipt: Receipt, notice: KeyNotice)
  ) {
    self.refusalsMax = refusalsMax
    self.act = act
  }
}
