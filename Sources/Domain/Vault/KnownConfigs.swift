import Cryptography
import Identity
import Receipts
import Synchronization
import UseCases

/// What a use of a key asks for.
struct ConfigQuestion: Sendable, Hashable {
  let userID: UserID
  let provider: String
  /// Nil for the preferred one.
  let label: Label?
}

/// A configuration that was read, and found to be usable: its key opens, its endpoint was checked.
///
/// Its key stays sealed and is opened for each use. The endpoint may have secrets in its path, so
/// it is in locked memory.
struct KnownConfig: Sendable {
  let stored: StoredConfig
  /// What receipts of its use are about.
  let target: Receipt.Target
  private let url: SecretBytes?

  init(_ stored: StoredConfig, baseURL: String?) {
    self.stored = stored
    target = Entry.target(stored.config)
    url = baseURL.map { SecretBytes(utf8: $0) }
  }

  /// The user's endpoint; nil where the provider's own is used.
  var baseURL: String? { url.map { $0.withUTF8String { $0 } } }

  /// What must be true of the database when it is used again.
  func precondition(for question: ConfigQuestion) -> ConfigPrecondition {
    ConfigPrecondition(
      configID: stored.config.id, userID: stored.config.userID, revision: stored.revision,
      isPreferred: question.label == nil)
  }
}

/// Configurations that were used lately, so that a use needs one round trip to the database: the
/// receipt, which is written only if what is held here is still what the database holds.
///
/// So nothing here decides anything. A configuration that was changed, disabled or deleted, a data
/// key that was wrapped anew, by whichever process, is found out in the commit that the key waits
/// for, and looked up afresh.
package final class KnownConfigs: Sendable {
  package static let configsMax = 4_096
  package static let lifetime: Duration = .seconds(60)

  private let configs: Mutex<RecentlyUsed<ConfigQuestion, KnownConfig>>

  package init(configsMax: Int = KnownConfigs.configsMax) {
    configs = Mutex(RecentlyUsed(countMax: configsMax, lifetime: Self.lifetime))
  }

  /// How many configurations are held.
  package var count: Int { configs.withLock { $0.count } }

  func config(for question: ConfigQuestion) -> KnownConfig? {
    configs.withLock { $0.use(question) }
  }

  /// Holds what the question led to, unless the store couldn't say later whether it still does.
  func keep(_ config: KnownConfig, for question: ConfigQuestion) {
    guard !config.stored.revision.isEmpty else { return }
    configs.withLock { $0.insert(config, for: question) }
  }

  /// Forgets the answer of this revision; another call may have found the next one meanwhile.
  func forget(_ question: ConfigQuestion, at revision: String) {
    configs.withLock { configs in
      if configs.use(question)?.stored.revision == revision { configs.remove(question) }
    }
  }

  /// Forgets everything of a user, who is changing something.
  func forget(_ userID: UserID) {
    configs.withLock { $0.removeAll { question, _ in question.userID == userID } }
  }

  /// Drops configurations that were not used for a lifetime; to be called about once per
  /// `lifetime`.
  package func dropIdle(at now: ContinuousClock.Instant = .now) {
    configs.withLock { $0.dropIdle(at: now) }
  }
}
