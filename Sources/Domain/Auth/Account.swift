package import FoundationEssentials
package import Identity

/// A person with an account.
package struct Account: Sendable, Hashable {
  package let id: UserID
  package let email: EmailAddress
  package let displayName: DisplayName
  package let createTime: Date
  package let role: Role
  /// When mail to the address was last shown to reach its owner; nil when it never was.
  package let verifyTime: Date?
  /// Since when it is shut out; nil when it is not.
  package let disableTime: Date?
  /// When it is deleted unless its owner keeps it; nil when it stays.
  package let deleteTime: Date?

  package init(
    id: UserID, email: EmailAddress, displayName: DisplayName, createTime: Date,
    role: Role = .user, verifyTime: Date? = nil, disableTime: Date? = nil,
    deleteTime: Date? = nil
  ) {
    self.id = id
    self.email = email
    self.displayName = displayName
    self.createTime = createTime
    self.role = role
    self.verifyTime = verifyTime
    self.disableTime = disableTime
    self.deleteTime = deleteTime
  }

  package var isVerified: Bool { verifyTime != nil }
  package var isDisabled: Bool { disableTime != nil }

  /// Whether nothing can be done with it: an admin has shut it out, or it is to be deleted.
  var isOutOfUse: Bool { isDisabled || deleteTime != nil }

  /// Whether nobody can keep it any more.
  func isGone(at now: Date) -> Bool { deleteTime.map { $0 <= now } ?? false }
}

/// What a person wants to be called; may be empty.
package struct DisplayName: Sendable, Hashable {
  package static let charactersMax = 100

  package let text: String

  package init(_ text: String) throws(AuthError) {
    guard text.unicodeScalars.count <= Self.charactersMax else {
      throw .invalid(
        .displayName, reason: "must be at most \(Self.charactersMax) characters long")
    }
    guard text.isFreeOfControlCharacters else {
      throw .invalid(.displayName, reason: "must not contain control characters")
    }
    self.text = text
  }

  /// Takes what was accepted and stored before.
  package init(stored text: String) { self.text = text }
}

extension String {
  /// Neither controls nor the characters that turn the direction of the text around them.
  var isFreeOfControlCharacters: Bool {
    unicodeScalars.allSatisfy { scalar in
      switch scalar.value {
      case 0..<0x20, 0x7F..<0xA0, 0x2028...0x202E, 0x2066...0x2069: false
      default: true
      }
    }
  }
}
