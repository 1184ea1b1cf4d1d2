package import FoundationEssentials
package import Providers
package import UseCases

/// Every way in which the vault refuses or fails.
package enum VaultError: Error, Hashable {
  /// A request field at fault, by its JSON name.
  package enum Field: String, Sendable {
    case id
    case provider
    case label
    case apiKey
    case baseURL = "baseUrl"
    case purpose
    case uses
    case ids
    case overlap
    case refusedTicket
    case etag
    case note
    case tags
    case tag
    case text
    case state
    case expireTime
    case remindTime
    case clear
    case pageSize
    case pageToken
    case accountID = "accountId"
  }

  /// Bad input; `reason` names the limit and never repeats a secret.
  case invalid(Field, reason: String)
  /// The caller's credential doesn't allow it.
  case denied(Refusal)
  /// No such configuration, or another user's: the caller can't tell which.
  case notFound
  /// The user has no key of this provider, by its name, or none with this label; `labels` are those
  /// that they have.
  case noKey(provider: String, label: Label?, labels: [String])
  /// The user has another configuration with this label for this provider.
  case alreadyExists(provider: String, label: Label)
  /// The user switched the configuration off, and it was asked for.
  case disabled(provider: String, label: Label)
  /// The account is no more, and its assertion valid for a moment longer.
  case accountErased
  /// The provider has refused the key many times in a row, and it was asked for.
  case quarantined(provider: String, label: Label)
  /// The day has passed from which the key isn't used, and it was asked for.
  case expired(provider: String, label: Label)
  /// The configuration has no second key, or its time has ended.
  case noSecondKey
  /// The operator lets no key be shown.
  case revealOff
  /// The change was meant for a configuration as it isn't any more.
  case changedMeanwhile
  /// The user has `max` configurations already, as many as one may have.
  case tooManyConfigs(max: Int)
  /// What is to be stored is probably not a key of this provider; `storeAnyway` stores it.
  case doubtful(KeyDoubt)
  /// The user has the same key under this provider's name and this label; `storeAnyway` stores it
  /// again.
  case storedAlready(provider: String, label: Label)
  /// The provider has no call that costs nothing and needs the key.
  case notTestable(provider: String)
  /// The provider's own address in the catalogue is not the one that the key was stored for.
  case endpointChanged(provider: String)
  /// What is stored does not open. One answer for all causes; `detail` is for the operator's log.
  case cannotOpen(detail: String)
  /// The data key that was to seal went out of use in the same moment: to be done again.
  case dataKeyReplaced
  /// Another run does the work of a rotation, at least until this moment.
  case rotationRunning(until: Date)
  /// Another run has taken the rotation over, because this one was silent for too long.
  case rotationTaken
  /// A rotation to a master key that these running vaults don't use yet.
  case keyNotEverywhere(keyID: String, instances: [UUID])
  /// The vault's current master key is not the one that the operator means.
  case otherKeyCurrent(keyID: String)
  /// Sealing failed, which no input can cause; `detail` is for the operator's log.
  case cannotSeal(detail: String)
  /// More uses are waiting for their receipts than may wait.
  case overloaded
  /// The user has as many uses waiting for their receipts as one user may have.
  case tooManyUses
  /// The caller gave up.
  case cancelled
  /// The database can't be reached or takes too long; `detail` is for the operator's log.
  case storageUnavailable(detail: String)
  /// The database has no room left to write.
  case storageFull
  /// The database refused; `detail` is for the operator's log.
  case storage(detail: String)
}

extension VaultError: UseCaseError {
  package var refusal: Refusal? {
    if case .denied(let refusal) = self { refusal } else { nil }
  }

  package var receiptReason: String? {
    switch self {
    case .invalid, .denied, .doubtful, .storedAlready, .accountErased: nil
    case .notFound, .noKey: "not-found"
    case .alreadyExists: "already-exists"
    case .disabled: "disabled"
    case .quarantined: "quarantined"
    case .expired: "expired"
    case .changedMeanwhile: "changed-meanwhile"
    case .noSecondKey: "no-second-key"
    case .revealOff: "reveal-off"
    case .tooManyConfigs: "too-many-configurations"
    case .notTestable: "not-testable"
    case .endpointChanged: "endpoint-changed"
    case .cannotOpen: "cannot-open"
    case .rotationRunning: "rotation-running"
    case .rotationTaken: "rotation-taken-over"
    case .keyNotEverywhere: "key-not-everywhere"
    case .otherKeyCurrent: "other-key-current"
    case .dataKeyReplaced, .cannotSeal, .overloaded, .tooManyUses, .cancelled,
      .storageUnavailable, .storageFull,
      .storage:
      nil
    }
  }
}
