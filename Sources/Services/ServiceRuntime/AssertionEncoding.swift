internal import FoundationEssentials
internal import Identity
internal import ServiceAPI

/// What signer and verifier must agree on.
enum AssertionEncoding {
  /// Keeps a signature over an assertion from being one over anything else.
  private static let domain = Array("chatelaine assertion v1".utf8) + [0]

  static func signedBytes(_ assertion: [UInt8]) -> [UInt8] { domain + assertion }
}

extension Caller.Credential {
  var wireKind: IdentityAPI.Assertion.Credential {
    switch self {
    case .session: .session
    case .accessToken: .accessToken
    case .operator: .operator
    }
  }

  var wireID: String {
    switch self {
    case .session(let id), .accessToken(let id): id.uuidString.lowercased()
    case .operator: ""
    }
  }

  /// Nil for a kind or id that no signer writes.
  init?(kind: IdentityAPI.Assertion.Credential, id: String) {
    switch (kind, UUID(uuidString: id)) {
    case (.session, let id?): self = .session(id)
    case (.accessToken, let id?): self = .accessToken(id)
    case (.operator, nil) where id.isEmpty: self = .operator
    default: return nil
    }
  }
}
