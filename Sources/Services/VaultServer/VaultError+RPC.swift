import Callers
import FoundationEssentials
import Providers
package import RPC
package import Vault

extension VaultError: RPCErrorConvertible {
  private static let domain = "vault.chatelaine"

  /// What the caller reads; details meant for the operator stay in the process.
  package var rpcError: RPCError {
    switch self {
    case .invalid(let field, let reason):
      .invalid(field.rawValue, reason)
    case .denied(let refusal):
      .denied(refusal, domain: Self.domain)
    case .notFound:
      RPCError(.notFound, "there is no such provider configuration")
    case .noKey(let provider, let label, let labels):
      RPCError(.notFound, Self.missing(provider, label, labels))
    case .alreadyExists(let provider, let label):
      RPCError(
        .alreadyExists,
        "a configuration for provider '\(provider)' with label '\(label.text)' exists already",
        details: [Self.reason("LABEL_TAKEN")])
    case .disabled(let provider, let label):
      RPCError(
        .failedPrecondition,
        "the configuration for provider '\(provider)' with label '\(label.text)' is disabled: "
          + "enable it first",
        details: [Self.reason("CONFIGURATION_DISABLED")])
    case .accountErased:
      RPCError(.unauthenticated, "the account is no more")
    case .quarantined(let provider, let label):
      RPCError(
        .failedPrecondition,
        "the key for provider '\(provider)' with label '\(label.text)' is in quarantine: the "
          + "provider has refused it many times in a row. Replace it, or enable it again",
        details: [Self.reason("KEY_QUARANTINED")])
    case .expired(let provider, let label):
      RPCError(
        .failedPrecondition,
        "the key for provider '\(provider)' with label '\(label.text)' has expired: replace it, "
          + "or change its expireTime",
        details: [Self.reason("KEY_EXPIRED")])
    case .noSecondKey:
      RPCError(
        .failedPrecondition, "there is no key beside the one that is used",
        details: [Self.reason("NO_SECOND_KEY")])
    case .revealOff:
      RPCError(
        .failedPrecondition, "the operator of this portal lets no stored key be shown (KEY_REVEAL)",
        details: [Self.reason("REVEAL_OFF")])
    case .changedMeanwhile:
      RPCError(
        .aborted,
        "the configuration has been changed since you read it: read it again, and do it again if "
          + "you still want to", details: [Self.reason(RPCError.etagReason)])
    case .tooManyConfigs(let max):
      RPCError(
        .resourceExhausted,
        "you have \(max) provider configurations, as many as one account may have "
          + "(PROVIDER_CONFIGS_PER_USER_MAX): delete one first",
        details: [Self.reason("TOO_MANY_CONFIGURATIONS")])
    case .doubtful(let doubt):
      .doubtful("\(doubt.reason); storeAnyway stores it")
    case .storedAlready(let provider, let label):
      .doubtful(
        "is stored already, as \(provider) with label '\(label.text)'; storeAnyway stores it again")
    case .notTestable(let provider):
      RPCError(
        .failedPrecondition, "\(provider) has no call that costs nothing and needs the key",
        details: [Self.reason("NOT_TESTABLE")])
    case .endpointChanged(let provider):
      RPCError(
        .failedPrecondition,
        "the address of provider '\(provider)' has changed since the key was stored: "
          + "store it again",
        details: [Self.reason("ENDPOINT_CHANGED")])
    case .cannotOpen(let detail):
      RPCError(
        .dataLoss, "the stored key cannot be opened", details: [Self.reason("CANNOT_OPEN")],
        detail: detail)
    case .dataKeyReplaced:
      RPCError(
        .aborted, "the keys of this account are being sealed anew: try again",
        details: [.retryInfo(delay: .seconds(1))])
    case .rotationRunning(let until):
      RPCError(
        .failedPrecondition,
        "a rotation is under way; if its run has died, another may go on in "
          + "\(Int(exactly: until.timeIntervalSinceNow.rounded(.up)) ?? 1) s",
        details: [Self.reason("ROTATION_RUNNING")])
    case .rotationTaken:
      RPCError(
        .aborted, "another run has taken this rotation over",
        details: [Self.reason("ROTATION_TAKEN_OVER")])
    case .keyNotEverywhere(let keyID, let instances):
      RPCError(
        .failedPrecondition,
        "\(instances.count) of the running vaults do not use master key \(keyID) yet",
        details: [Self.reason("KEY_NOT_EVERYWHERE")])
    case .otherKeyCurrent(let keyID):
      RPCError(
        .failedPrecondition, "the vault's current master key is \(keyID)",
        details: [Self.reason("OTHER_KEY_CURRENT")])
    case .cannotSeal(let detail):
      RPCError(.internal, "the key could not be sealed", detail: detail)
    case .overloaded:
      RPCError(
        .resourceExhausted, "too many keys are being resolved at once",
        details: [.retryInfo(delay: .milliseconds(100))])
    case .tooManyUses:
      RPCError(
        .resourceExhausted,
        "you use keys faster than their receipts can be written: "
          + "\(ReceiptQueue.waitingPerUserMax) uses wait already",
        details: [.retryInfo(delay: .seconds(1))])
    case .cancelled:
      RPCError(.cancelled, "the call was cancelled")
    case .storage(let detail):
      RPCError(.internal, "internal error", detail: detail)
    case .storageFull: .storageFull
    case .storageUnavailable(let detail):
      RPCError(
        .unavailable, "the vault cannot reach its storage",
        details: [.retryInfo(delay: .seconds(1))], detail: detail)
    }
  }

  private static func missing(_ provider: String, _ label: Label?, _ labels: [String]) -> String {
    guard let label, !labels.isEmpty else { return "no key for \(provider) is stored" }
    return "no key for \(provider) is labelled '\(label.text)'; your labels are "
      + labels.joined(separator: ", ")
  }

  fileprivate static func reason(_ reason: String) -> ErrorDetail {
    .errorInfo(reason: reason, domain: domain)
  }
}

extension RPCError {
  /// A key that is only stored when the caller insists.
  fileprivate static func doubtful(_ reason: String) -> RPCError {
    var error = RPCError.invalid(VaultError.Field.apiKey.rawValue, reason)
    error.details.append(VaultError.reason("DOUBTFUL_KEY"))
    return error
  }
}
