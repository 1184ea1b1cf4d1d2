import Encodings
package import FoundationEssentials

/// The id of an account.
package struct UserID: Sendable, Hashable {
  package let uuid: UUID

  package init(_ uuid: UUID) { self.uuid = uuid }

  /// Reads the textual form of a UUID; nil for anything else.
  package init?(_ text: String) {
    guard let uuid = UUID(uuidString: text) else { return nil }
    self.uuid = uuid
  }

  /// Lower-case text, as RFC 9562 writes it.
  package var text: String { uuid.text }
}

extension UUID {
  /// The octets, of which each second one has a dash in front.
  private static let dashedOctets = 4...10
  private static let textBytes = 36

  /// Lower-case text, as RFC 9562 writes it, without the formatted printing of Foundation's.
  package var text: String {
    Swift.withUnsafeBytes(of: uuid) { octets in
      String(unsafeUninitializedCapacity: Self.textBytes) { text in
        var next = 0
        for (index, octet) in octets.enumerated() {
          if Self.dashedOctets.contains(index), index.isMultiple(of: 2) {
            text[next] = UInt8(ascii: "-")
            next += 1
          }
          text[next] = Hex.digit(octet >> 4)
          text[next + 1] = Hex.digit(octet & 15)
          next += 2
        }
        return next
      }
    }
  }
}

/// Who a call is made for, after the assertion in it was verified.
package struct Caller: Sendable, Hashable {
  /// How the user proved who they are.
  package enum Credential: Sendable, Hashable {
    case session(UUID)
    case accessToken(UUID)
    /// An operator at the machine acts for the user.
    case `operator`
  }

  package let userID: UserID
  package let email: String
  package let credential: Credential
  /// What an access token was given; empty for the other credentials.
  package let scopes: Scopes
  /// The account's; counts with a session only.
  package let role: Role
  /// When the user last proved in this session who they are; nil without a session.
  package let confirmTime: Date?
  /// The providers and labels that an access token is limited to; what else it is limited to, the
  /// gateway looks at.
  package let limits: AccessLimits

  /// How long somebody who has proved who they are may do what takes an account over.
  package static let confirmationLifetime: TimeInterval = 600

  package init(
    userID: UserID, email: String, credential: Credential, scopes: Scopes = Scopes([]),
    role: Role = .user, confirmTime: Date? = nil, limits: AccessLimits = .none
  ) {
    self.limits = limits
    self.userID = userID
    self.email = email
    self.credential = credential
    self.scopes = scopes
    self.role = role
    self.confirmTime = confirmTime
  }

  /// Whether a person, not a program, does it who has to prove once more who they are.
  package func needsConfirmation(at now: Date) -> Bool {
    guard case .session = credential else { return false }
    return !isConfirmed(at: now)
  }

  /// Whether the user has proved a moment ago who they are.
  package func isConfirmed(at now: Date) -> Bool {
    confirmTime.map { now.timeIntervalSince($0) < Self.confirmationLifetime } ?? false
  }
}

/// Where a call came from, as the gateway saw it: for receipts only, never for a decision.
package struct CallOrigin: Sendable, Hashable {
  /// Empty when there is none, e.g. for an operator's command.
  package let ipAddress: String
  /// At most `userAgentBytesMax` bytes.
  package let userAgent: String
  package let requestID: String

  package static let userAgentBytesMax = 512

  package init(ipAddress: String = "", userAgent: String = "", requestID: String = "") {
    self.ipAddress = ipAddress
    self.userAgent = userAgent
    self.requestID = requestID
  }
}

/// What an account may do beyond its own things; the raw value is what is stored and signed.
package enum Role: String, Sendable, Hashable, CaseIterable {
  /// Nothing.
  case user
  /// Reads the whole audit log.
  case auditor
  /// Reads the whole audit log and looks after accounts. Sees and uses nobody's keys.
  case admin

  /// Reads a word; one that this version doesn't know grants nothing.
  package init(word: String) { self = Role(rawValue: word) ?? .user }

  package var readsWholeLog: Bool { self != .user }
}
