import Foundation
import Protobuf
import RPC
import ServiceAPI
import Synchronization

@testable import Backend

/// An `auth` that knows one token, a stream of revocations, and a clock that is moved by hand.
final class CredentialWorld: Sendable {
  final class Clock: Sendable {
    private let instant = Mutex(ContinuousClock.now)
    var now: ContinuousClock.Instant { instant.withLock { $0 } }
    func advance(by duration: Duration) { instant.withLock { $0 += duration } }
  }

  /// A use, and whether it was ended from outside.
  struct TestUse: Sendable {
    final class Flag: Sendable {
      let isSet = Mutex(false)
    }
    let use: CredentialUse
    let flag: Flag
    var isRevoked: Bool { flag.isSet.withLock { $0 } }
  }

  static let account = UUID()
  static let credential = UUID()

  let clock = Clock()
  let known: KnownCredentials
  private let begin: ContinuousClock.Instant
  private let counts = Mutex((questions: 0, calls: 0))

  /// How often `auth` was asked.
  var questions: Int { counts.withLock { $0.questions } }
  /// Those under way who let another ask for them.
  var waiting: Int { counts.withLock { $0.calls - 1 } }

  init(limits: CredentialTable.Limits = .init()) {
    let clock = clock
    begin = clock.now
    known = KnownCredentials(limits: limits) { clock.now }
  }

  static func revocation(_ credential: UUID?) -> AuthAPI.Revocation {
    AuthAPI.Revocation(
      accountId: account.uuidString, credentialId: credential?.uuidString ?? "")
  }

  /// The stream tells of these; it is complete until now, or for so long since it began.
  func hear(
    _ revocations: [AuthAPI.Revocation] = [], knownFor: Duration? = nil,
    isIncomplete: Bool = false
  ) {
    known.hear(
      AuthAPI.WatchRevocationsResponse(
        position: 1, knownUntil: ProtoDuration(knownFor ?? begin.duration(to: clock.now)),
        isIncomplete: isIncomplete, revocations: revocations),
      since: begin)
  }

  /// A request with the token; `meanwhile` runs while `auth` is asked.
  @discardableResult
  func ask(
    _ token: String = "token", account: UUID = CredentialWorld.account,
    credential: UUID = CredentialWorld.credential, validFor: Duration? = .seconds(60),
    _ meanwhile: () async throws(RPCError) -> Void = { () throws(RPCError) in }
  ) async throws(RPCError) -> KnownCredential {
    counts.withLock { $0.calls += 1 }
    defer { counts.withLock { $0.calls -= 1 } }
    return try await known.credential(TokenDigest(bytes: Array(token.utf8))) {
      () async throws(RPCError) in
      counts.withLock { $0.questions += 1 }
      try await meanwhile()
      return AuthAPI.AuthenticateResponse(
        assertion: [1], account: AuthAPI.Account(id: account.uuidString),
        validFor: validFor.map { ProtoDuration($0) }, credentialId: credential.uuidString)
    }
  }

  /// A request with a token for which `auth` has this answer.
  func refuse(
    _ token: String = "unknown",
    with error: RPCError = RPCError(.unauthenticated, "not valid")
  ) async throws(RPCError) {
    _ = try await ask(token) { () throws(RPCError) in throw error }
  }

  /// A request whose answer has begun, unless the test says otherwise.
  func use(isAnswering: Bool = true) -> TestUse {
    let flag = TestUse.Flag()
    let use = CredentialUse(known) { _ in flag.isSet.withLock { $0 = true } }
    if isAnswering { _ = use.beginAnswer() }
    return TestUse(use: use, flag: flag)
  }

  func begin(_ use: TestUse, _ known: KnownCredential) {
    guard let name = known.name else { return }
    self.known.begin(use.use, of: name, since: known.mark)
  }
}
