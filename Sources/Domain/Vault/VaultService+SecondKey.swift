import Cryptography
import FoundationEssentials
package import Identity
import Providers
import Receipts
import UseCases

extension VaultService {
  /// Puts a new key beside the one that is used, in place of another second one; it is used only
  /// when the provider refuses the first, until `switchKeys`.
  package func stage(
    _ id: String, key text: String, storeAnyway: Bool, etag: String = "", for caller: Caller,
    from origin: CallOrigin
  ) async throws(VaultError) -> ProviderConfig {
    try await door.perform(.providerConfigStage, by: .caller(caller), from: origin) {
      (entry) async throws(VaultError) -> Act<ProviderConfig> in
      let configID = try Self.configID(id)
      entry.isAbout(id: configID)
      try requireConfirmation(of: caller)
      guard let config = try await store.config(configID, of: caller.userID) else {
        throw .notFound
      }
      let provider = try catalogue.known(config.provider)
      let key = try APIKey(text)
      if !storeAnyway {
        try await checkDoubts(
          key, of: provider, at: Endpoint(origin: config.origin), for: caller.userID,
          besides: configID)
      }
      _ = try await sealingDataKey(of: caller.userID)
      return .committed(
        try await change(id, etag: etag, of: caller, &entry) {
          (stored, dataKey) throws(VaultError) in
          // The endpoint may have moved since the key was looked at.
          guard stored.config.origin == config.origin else { throw .changedMeanwhile }
          guard (try? cipher.openKey(of: stored))?.constantTimeEquals(key.bytes) != true else {
            throw .invalid(.apiKey, reason: "is the key that is used already")
          }
          stored.dropSecondKey()
          let sealCount = try cipher.reseal(&stored, with: dataKey)
          stored.sealedSecondKey = try cipher.sealedKey(key, for: stored)
          stored.config.secondKey = SecondKey(
            role: .next, maskedKey: provider.mask(key), keyVersion: stored.config.version + 1,
            endTime: nil)
          return .update(sealCount: sealCount + 1, former: .keep)
        })
    }
  }

  /// Has the two keys of a configuration change places. The one that was used still is, when the
  /// provider refuses its successor, for `overlapSeconds`, and is destroyed then; at once for 0.
  package func switchKeys(
    _ id: String, overlapSeconds: Int, etag: String = "", for caller: Caller,
    from origin: CallOrigin
  ) async throws(VaultError) -> ProviderConfig {
    try await door.perform(.providerConfigSwitch, by: .caller(caller), from: origin) {
      (entry) async throws(VaultError) -> Act<ProviderConfig> in
      guard (0...SecondKey.overlapSecondsMax).contains(overlapSeconds) else {
        throw .invalid(
          .overlap, reason: "must be 0 to \(SecondKey.overlapSecondsMax) seconds")
      }
      entry.set("overlapSeconds", .number(overlapSeconds))
      entry.isAbout(id: try Self.configID(id))
      try requireConfirmation(of: caller)
      let time = door.now
      return .committed(
        try await change(id, etag: etag, of: caller, &entry) { (stored, _) throws(VaultError) in
          let config = stored.config
          guard let second = config.secondKey, let sealed = stored.sealedSecondKey,
            second.isUsable(at: time)
          else { throw .noSecondKey }
          let first = stored.sealedKey
          stored.sealedKey = sealed
          stored.config.maskedKey = second.maskedKey
          stored.config.keyVersion = second.keyVersion
          // What was said of the one that was used.
          stored.config.health = nil
          stored.config.quarantineTime = nil
          stored.dropSecondKey()
          if overlapSeconds > 0 {
            stored.sealedSecondKey = first
            stored.config.secondKey = SecondKey(
              role: .previous, maskedKey: config.maskedKey, keyVersion: config.keyVersion,
              endTime: time.addingTimeInterval(Double(overlapSeconds)))
          }
          return .update(sealCount: 0, former: .keep)
        })
    }
  }

  /// Destroys the second key of a configuration.
  package func dropSecondKey(
    _ id: String, etag: String = "", for caller: Caller, from origin: CallOrigin
  ) async throws(VaultError) -> ProviderConfig {
    try await door.perform(.providerConfigUnstage, by: .caller(caller), from: origin) {
      (entry) async throws(VaultError) -> Act<ProviderConfig> in
      .committed(
        try await change(id, etag: etag, of: caller, &entry) { (stored, _) throws(VaultError) in
          guard stored.config.secondKey != nil else { throw .noSecondKey }
          stored.dropSecondKey()
          return .update(sealCount: 0, former: .keep)
        })
    }
  }

  /// Which of its keys is to be opened: where one was refused the other, for sending the same
  /// request again.
  func slot(
    of stored: StoredConfig, insteadOf refused: Receipt?, at time: Date
  ) throws(VaultError) -> (slot: KeySlot, hasOther: Bool) {
    let slots = stored.slots(at: time)
    guard let refused else { return (slots[0], slots.count > 1) }
    guard refused.action == .credentialResolve, refused.accountID == stored.config.userID,
      refused.target.id == stored.config.id.text,
      case .number(let version)? = refused.details[Entry.keyVersion],
      let other = slots.first(where: { $0.keyVersion != version })
    else { throw .noSecondKey }
    return (other, false)
  }
}
