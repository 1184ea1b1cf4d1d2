/// What the page after a redirect says about what was done. Only its name travels, in a cookie, so
/// that nobody can put words into the portal's mouth.
enum Notice: String, Sendable, CaseIterable {
  case accountCreated = "account-created"
  case loggedOut = "logged-out"
  case keyStored = "key-stored"
  case keyChanged = "key-changed"
  case keyEnabled = "key-enabled"
  case keyDisabled = "key-disabled"
  case keyDeleted = "key-deleted"
  case tokenRevoked = "token-revoked"

  var text: String {
    switch self {
    case .accountCreated: "Your account is ready. You can log in now."
    case .loggedOut: "You are logged out."
    case .keyStored: "The key is stored."
    case .keyChanged: "The changes are saved."
    case .keyEnabled: "The key can be used again."
    case .keyDisabled: "The key is disabled: it is kept, and its use is refused."
    case .keyDeleted: "The key is deleted."
    case .tokenRevoked: "The token is revoked."
    }
  }
}
