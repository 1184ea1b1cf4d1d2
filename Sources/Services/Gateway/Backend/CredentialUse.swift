package import Edge
import FoundationEssentials
import Logging
import NIOCore
import Synchronization

/// A request that runs on a credential's strength; ends with the credential.
package final class CredentialUse: Sendable {
  private struct State {
    var hasEnded = false
    var isRevoked = false
    var isAnswering = false
    /// Ends what the request waits for before its answer has begun.
    var stop: (@Sendable () -> Void)?
  }

  private let credentials: KnownCredentials
  private let state = Mutex(State())
  private let onRevoked: @Sendable (CredentialUse) -> Void

  init(_ credentials: KnownCredentials, onRevoked: @escaping @Sendable (CredentialUse) -> Void) {
    self.credentials = credentials
    self.onRevoked = onRevoked
  }

  deinit { credentials.end(ObjectIdentifier(self)) }

  /// The request is over; a revocation does nothing to it any more.
  package func end() {
    state.withLock { state in
      state.hasEnded = true
      state.stop = nil
    }
    credentials.end(ObjectIdentifier(self))
  }

  /// Whether the credential was revoked while the request ran; it stays so.
  package var isRevoked: Bool { state.withLock { $0.isRevoked } }

  /// Says how to end what the request waits for. Until its answer begins, whoever runs it asks
  /// `isRevoked`, and can still say why it ends.
  package func onRevocation(_ stop: @escaping @Sendable () -> Void) {
    let isRevoked = state.withLock { state in
      if !state.isRevoked { state.stop = stop }
      return state.isRevoked
    }
    if isRevoked { stop() }
  }

  /// The answer's head goes out: from here on only the end of the connection tells the client.
  /// False when the credential has been revoked before.
  package func beginAnswer() -> Bool {
    state.withLock { state in
      state.isAnswering = true
      state.stop = nil
      return !state.isRevoked
    }
  }

  var isRunning: Bool { state.withLock { !$0.hasEnded } }

  func revoke() {
    let (isAnswering, stop) = state.withLock { state -> (Bool, (@Sendable () -> Void)?) in
      guard !state.hasEnded else { return (false, nil) }
      state.isRevoked = true
      return (state.isAnswering, state.stop.take())
    }
    stop?()
    if isAnswering { onRevoked(self) }
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
  /// Lets a revocation of the visitor's credential end the request: before its answer by what
  /// `onRevocation` was told; in the middle of the answer, whose status can't be changed any more,
  /// by breaking it off. Call `end` when the answer is complete.
  package func begin(_ visitor: Visitor, on exchange: Exchange) -> CredentialUse {
    let stream = exchange.stream
    let logger = exchange.logger
    let use = CredentialUse(credentials) { use in
      stream.eventLoop.execute {
        // The connection may have gone on to its next request.
        guard use.isRunning else { return }
        logger.info("ended a request: its credential was revoked")
        stream.giveUp()
      }
    }
    if let name = visitor.name { credentials.begin(use, of: name, since: visitor.mark) }
    return use
  }
}
