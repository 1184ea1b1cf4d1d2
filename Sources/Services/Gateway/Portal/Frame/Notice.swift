import Edge

/// What the page after a redirect says about what was done. Only its name and the id of what it is
/// about travel, in a cookie, so that nobody can put words into the portal's mouth.
struct Notice: Sendable, Hashable {
  enum Kind: String, Sendable, CaseIterable {
    case accountCreated = "account-created"
    /// The account is there, and its person has yet to log in.
    case accountCreatedOnly = "account-created-only"
    case loggedOut = "logged-out"
    case logInFirst = "log-in-first"
    case sessionEnded = "session-ended"
    case keyStored = "key-stored"
    case keyChanged = "key-changed"
    case keyEnabled = "key-enabled"
    case keyDisabled = "key-disabled"
    case keysDeleted = "keys-deleted"
    case keysEnabled = "keys-enabled"
    case keysDisabled = "keys-disabled"
    case keysTested = "keys-tested"
    case keyTested = "key-tested"
    case keyRestored = "key-restored"
    case keyStaged = "key-staged"
    case keysSwitched = "keys-switched"
    case secondKeyDropped = "second-key-dropped"
    case nothingChanged = "nothing-changed"
    case nothingChosen = "nothing-chosen"
    case tokenRevoked = "token-revoked"
    case settingsSaved = "settings-saved"
    case passwordReset = "password-reset"
    case passwordChanged = "password-changed"
    case emailChanged = "email-changed"
    case emailConfirmed = "email-confirmed"
    case unlocked = "unlocked"
    case lookIntoMail = "look-into-mail"
    case linkSent = "link-sent"
    case fileOver = "file-over"
    case sessionsEnded = "sessions-ended"
    case confirmed = "confirmed"
    case confirmFirst = "confirm-first"
    case secondFactorOff = "second-factor-off"
    case passkeyAdded = "passkey-added"
    case passkeyRenamed = "passkey-renamed"
    case passkeyRemoved = "passkey-removed"
    case identityLinked = "identity-linked"
    case identityRemoved = "identity-removed"
    case identityTaken = "identity-taken"
    case identityUnlinked = "identity-unlinked"
    case identityUnverified = "identity-unverified"
    case providerFailed = "provider-failed"
    case providerWayOver = "provider-way-over"
    case signUpClosed = "sign-up-closed"
    case invited = "invited"
    case userChanged = "user-changed"
    case accountKept = "account-kept"
    /// The subject is the day, in UTC.
    case accountLeaves = "account-leaves"
  }

  private static let subjectBytesMax = 64

  let kind: Kind
  /// The id of what was changed; the page that shows the notice knows its name.
  let subject: String?

  init(_ kind: Kind, of subject: String? = nil) {
    self.kind = kind
    self.subject = subject
  }

  /// Reads a cookie's value; nil for anything that `text` would not have written.
  init?(text: String) {
    let parts = text.split(atByte: ".", maxSplits: 1, omittingEmpty: false)
    guard let kind = Kind(rawValue: String(parts[0])) else { return nil }
    self.kind = kind
    guard parts.count == 2 else {
      subject = nil
      return
    }
    guard !parts[1].isEmpty, parts[1].utf8.count <= Self.subjectBytesMax,
      parts[1].utf8.allSatisfy(Self.isIDByte)
    else { return nil }
    subject = String(parts[1])
  }

  /// For the cookie.
  var text: String { subject.map { "\(kind.rawValue).\($0)" } ?? kind.rawValue }

  private static func isIDByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
      UInt8(ascii: "-"):
      true
    default: false
    }
  }
}

extension Notice {
  /// A notice as the template draws it.
  struct View: Sendable {
    let text: String
    let isGood: Bool
    /// The address that a form is sent to that takes it back; nil where nothing does.
    let undo: String?
  }

  /// - Parameter name: What the page calls the subject, e.g. "OpenAI, default".
  func view(name: String?) -> View {
    let key = name ?? "The key"
    let text =
      switch kind {
      case .accountCreated:
        "Your account is ready, and you are logged in. Store your first key, or look around first."
      case .accountCreatedOnly: "Your account is ready. You can log in now."
      case .loggedOut: "You are logged out."
      case .logInFirst: "Log in to go on."
      case .sessionEnded:
        "You were logged out. Log in to go on; what you typed is kept, except secrets."
      case .keyStored: "\(key) is stored."
      case .keyChanged: "The changes to \(name ?? "the key") are saved."
      case .keyEnabled: "\(key) can be used again."
      case .keyDisabled: "\(key) is disabled: it is kept, and its use is refused."
      case .keysDeleted:
        "What was chosen is deleted. For 30 days it can be brought back from the deleted keys."
      case .keysEnabled: "The chosen keys can be used again."
      case .keysDisabled: "The chosen keys are disabled: they are kept, and their use is refused."
      case .keysTested: "The chosen keys are tested: their health is what their providers said."
      case .keyTested: "\(key) is tested: its health is what the provider said."
      case .keyStaged: "The new key is there. Test it, then switch."
      case .keysSwitched: "Switched: requests use the other key from now on."
      case .secondKeyDropped: "The second key is destroyed."
      case .keyRestored: "\(key) is as it was before."
      case .nothingChanged: "Nothing changed."
      case .nothingChosen: "Choose keys first: there is a box in front of each."
      case .tokenRevoked: "The token is revoked."
      case .settingsSaved: "Your settings are saved."
      case .passwordReset: "Your new password is saved. Log in with it."
      case .passwordChanged: "Your password is changed, and your other sessions have ended."
      case .emailChanged: "The new e-mail address is yours now."
      case .emailConfirmed: "Your e-mail address is confirmed."
      case .unlocked: "Log-in is open again."
      case .lookIntoMail: "Look into your mail: open the link in it to go on."
      case .linkSent:
        "If that address has an account here, a link is on its way there. It works for an hour. "
          + "Nothing comes? Look among unwanted mail."
      case .fileOver: "The file is kept for ten minutes, and they are over: give it once more."
      case .sessionsEnded: "Ended."
      case .confirmed: "Thank you. You can go on now."
      case .confirmFirst: "Prove once more that it is you, then do it again."
      case .secondFactorOff: "The authenticator app is removed."
      case .passkeyAdded: "The passkey is yours now. You can log in with it."
      case .passkeyRenamed: "The passkey has its new name."
      case .passkeyRemoved: "The passkey is removed."
      case .identityLinked: "Connected. You can log in by it from now on."
      case .identityRemoved: "Disconnected. It lets nobody in any more."
      case .identityTaken: "That identity is connected with an account already."
      case .identityUnlinked:
        "There is an account with your address. Log in to it, then connect the provider under "
          + "Settings, Security."
      case .identityUnverified:
        "The provider has not verified your e-mail address, so there is no account to make of it."
      case .providerFailed: "The provider's answer can't be used. Try again, or log in another way."
      case .providerWayOver:
        "That log-in took too long, or was begun in another browser. Begin again."
      case .signUpClosed:
        "There is no account with your address, and you can't sign up by yourself."
      case .invited: "The invitation is on its way."
      case .userChanged: "Done."
      case .accountLeaves:
        "The account is out of use, and is deleted on \(subject ?? "the day that you were told"). "
          + "Log in before that to keep it."
      case .accountKept: "Your account stays. Log in to go on."
      }
    return View(text: text, isGood: !Self.bad.contains(kind), undo: undo)
  }

  /// Those of something that was not done, or has to be done first.
  private static let bad: Set<Kind> = [
    .sessionEnded, .logInFirst, .confirmFirst, .fileOver, .identityTaken, .identityUnlinked,
    .identityUnverified, .providerFailed, .providerWayOver, .signUpClosed,
  ]

  private var undo: String? {
    switch kind {
    case .keyEnabled: subject.map { "/providers/\($0)/disable" }
    case .keyDisabled: subject.map { "/providers/\($0)/enable" }
    default: nil
    }
  }
}
