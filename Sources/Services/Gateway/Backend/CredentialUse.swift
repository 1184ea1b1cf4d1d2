package import Edge
import FoundationEssentials
import Logging
import NIOCore
import Synchronization

/// A request that runs on a credential's strength; ends with the credential.
package final class CredentialUse: Sendable {
  private let credentials: KnownCredentials
  private let hasEnded = Mutex(false)
  private let onRevoked: @Sendable (CredentialUse) -> Void

  init(_ credentials: KnownCredentials, onRevoked: @escaping @Sendable (CredentialUse) -> Void) {
    self.credentials = credentials
    self.onRevoked = onRevoked
  }

  deinit { credentials.end(ObjectIdentifier(self)) }

  /// The request is over; a revocation does nothing to it any more.
  package func end() {
    hasEnded.withLock { $0 = true }
    credentials.end(ObjectIdentifier(self))
  }

  var isRunning: Bool { !hasEnded.withLock { $0 } }

  func revoke() {
    if isRunning { onRevoked(self) }
  }
}

/// The uses that run, by credential.
struct RunningUses {
  private struct Entry {
    let name: CredentialName
    weak let use: CredentialUse?
  }

  private var entries: [ObjectIdentifier: Entry] = [:]
  private var ids: [UUID: Set<ObjectIdentifier>] = [:]

  var count: Int { entries.count }

  mutating func insert(_ use: CredentialUse, of name: CredentialName) {
    let id = ObjectIdentifier(use)
    entries[id] = Entry(name: name, use: use)
    ids[name.credentialID, default: []].insert(id)
  }

  mutating func remove(_ id: ObjectIdentifier) {
    guard let credentialID = entries.removeValue(forKey: id)?.name.credentialID else { return }
    ids[credentialID]?.remove(id)
    if ids[credentialID]?.isEmpty == true { ids[credentialID] = nil }
  }

  /// Ends what runs on any of these. Closures, since a use that is let go of under a lock would
  /// want that lock.
  func of(_ revoked: [RevokedCredentials]) -> [@Sendable () -> Void] {
    guard !entries.isEmpty else { return [] }
    return revoked.flatMap { revoked -> [@Sendable () -> Void] in
      guard let id = revoked.credentialID else {
        return entries.values.filter { revoked.include($0.name) }.map(Self.end)
      }
      return (ids[id] ?? []).compactMap { entries[$0] }.map(Self.end)
    }
  }

  var all: [@Sendable () -> Void] { entries.values.map(Self.end) }

  private static func end(_ entry: Entry) -> @Sendable () -> Void {
    { entry.use?.revoke() }
  }
}

extension Authenticator {
  /// Lets a revocation of the visitor's credential close the connection of `exchange`, in the
  /// middle of the answer: its status can't be changed any more. Call `end` when the answer is
  /// complete.
  package func begin(_ visitor: Visitor, on exchange: Exchange) -> CredentialUse {
    let channel = exchange.channel
    let logger = exchange.logger
    let use = CredentialUse(credentials) { use in
      channel.eventLoop.execute {
        // The connection may have gone on to its next request.
        guard use.isRunning else { return }
        logger.info("ended a request: its credential was revoked")
        channel.close(promise: nil)
      }
    }
    if let name = visitor.name { credentials.begin(use, of: name, since: visitor.mark) }
    return use
  }
}
