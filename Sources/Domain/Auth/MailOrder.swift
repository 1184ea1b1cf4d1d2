import Cryptography
package import FoundationEssentials
package import Identity

/// A mail that is owed to somebody. It is committed with what it tells of, and sent later.
package struct MailOrder: Sendable, Hashable {
  /// What a mail is about; the raw value is what is stored.
  package enum Occasion: String, Sendable, Hashable, CaseIterable {
    /// Somebody has signed up: is the address theirs?
    case confirmAddress = "confirm-address"
    /// Somebody has signed up with an address that has an account.
    case addressTaken = "address-taken"
    case resetPassword = "reset-password"
    case passwordChanged = "password-changed"
    /// To the new address.
    case confirmNewAddress = "confirm-new-address"
    /// To the old address, when another is asked for and when it has become the account's.
    case addressChangeAsked = "address-change-asked"
    case addressChanged = "address-changed"
    case unlock
    case invitation
    case accountDisabled = "account-disabled"
    case newDevice = "new-device"
    case secondFactorOn = "second-factor-on"
    case secondFactorOff = "second-factor-off"
    /// The account is to be deleted; the link keeps it.
    case deletionAsked = "deletion-asked"
    case accountKept = "account-kept"
    case accountDeleted = "account-deleted"
    case passkeyAdded = "passkey-added"
    case passkeyRemoved = "passkey-removed"
    /// By an admin or operator: app, passkeys and recovery codes.
    case secondFactorsReset = "second-factors-reset"
    case identityLinked = "identity-linked"
    case identityUnlinked = "identity-unlinked"
    /// About a provider key, which stands in `about`.
    case keyQuarantined = "key-quarantined"
    case keyReminder = "key-reminder"
    case keyExpired = "key-expired"

    /// The link that stands in it.
    package var purpose: LinkPurpose? {
      switch self {
      case .confirmAddress: .verifyEmail
      case .confirmNewAddress: .changeEmail
      case .resetPassword: .resetPassword
      case .unlock: .unlock
      case .invitation: .invitation
      case .deletionAsked: .keepAccount
      case .addressTaken, .passwordChanged, .addressChangeAsked, .addressChanged,
        .accountDisabled, .newDevice, .secondFactorOn, .secondFactorOff, .accountKept,
        .accountDeleted, .passkeyAdded, .passkeyRemoved, .secondFactorsReset,
        .identityLinked, .identityUnlinked, .keyQuarantined, .keyReminder, .keyExpired:
        nil
      }
    }

    /// Whether strangers ask for it, so that who has the address is looked up when it leaves and
    /// not while they wait.
    package var needsAddressee: Bool { self == .resetPassword || self == .addressTaken }
  }

  /// Names the mail itself: one that is sent twice is the same mail.
  package let id: UUID
  package let occasion: Occasion
  /// Nil for an invitation, and while nobody has looked who has the address.
  package let accountID: UserID?
  package let email: EmailAddress
  /// Where what it tells of was done, for its reader to recognise; empty when that is nobody's.
  package let device: String
  package let ipAddress: String
  package let createTime: Date
  /// The thing that it is about; nil where that is the account.
  package let about: About?

  /// A thing of the account, by what its owner calls it, e.g. `OpenAI, default`.
  package struct About: Sendable, Hashable {
    package let id: String
    package let name: String

    package init(id: String, name: String) {
      self.id = id
      self.name = name
    }
  }

  package init(
    id: UUID = SecureRandom.uuid(), _ occasion: Occasion, to email: EmailAddress,
    of accountID: UserID?, device: String = "", ipAddress: String = "", at createTime: Date,
    about: About? = nil
  ) {
    self.id = id
    self.occasion = occasion
    self.accountID = accountID
    self.email = email
    self.device = device
    self.ipAddress = ipAddress
    self.createTime = createTime
    self.about = about
  }

  /// Where it was asked for, as far as it is known of a mail.
  var origin: CallOrigin { CallOrigin(ipAddress: ipAddress, userAgent: device) }

  /// One that tells where it was done.
  init(
    _ occasion: Occasion, to email: EmailAddress, of accountID: UserID?, from origin: CallOrigin,
    at now: Date
  ) {
    self.init(
      occasion, to: email, of: accountID, device: Device.name(userAgent: origin.userAgent),
      ipAddress: origin.ipAddress, at: now)
  }
}
