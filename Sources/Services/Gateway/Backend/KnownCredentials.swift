import Cryptography
import FoundationEssentials
import Identity
import Protobuf
import RPC
import ServiceAPI
import Synchronization

/// What `auth` has said of access tokens, so that not each request has to ask.
///
/// An answer is used for as long as `auth` allows and only while `RevocationWatch` knows of
/// everything that was revoked a second ago; else `auth` is asked each time. Kept are a token's
/// digest and what was signed, never the token.
package final class KnownCredentials: Sendable {
  typealias Instant = ContinuousClock.Instant

  /// An answer is given up so long before it ends: the assertion has to arrive at the vault.
  static let margin: Duration = .seconds(5)
  /// Who comes later than this after a question was asked asks again: its answer may be old.
  static let sharedQuestionAgeMax: Duration = .milliseconds(500)

  private struct State {
    var log = RevocationLog()
    var table: CredentialTable
    var questions: [TokenDigest: Question] = [:]
    var uses = RunningUses()
    var swept: Instant
  }

  private enum Step {
    case known(KnownCredential)
    case refused
    case wait(Question)
    case ask(Question)
  }

  private let now: @Sendable () -> Instant
  private let state: Mutex<State>

  package convenience init() { self.init(limits: CredentialTable.Limits()) }

  init(
    limits: CredentialTable.Limits, now: @escaping @Sendable () -> Instant = { .now }
  ) {
    self.now = now
    let start = now()
    state = Mutex(State(table: CredentialTable(limits, at: start), swept: start))
  }

  /// Tokens that are taken for valid, and those that are refused, without asking.
  var counts: (known: Int, unknown: Int) {
    state.withLock { ($0.table.count, $0.table.unknownCount) }
  }
  var runningCount: Int { state.withLock { $0.uses.count } }

  // MARK: Asking

  /// What is known of the token; `ask` asks `auth`, once for all who come at the same time.
  func credential(
    _ digest: TokenDigest,
    ask: () async throws(RPCError) -> AuthAPI.AuthenticateResponse
  ) async throws(RPCError) -> KnownCredential {
    while true {
      switch state.withLock({ step(digest, &$0) }) {
      case .known(let known): return known
      case .refused: throw Self.refusal
      case .ask(let question): return try await answer(question, digest, ask)
      case .wait(let question):
        // Nil: whoever asked has left before the answer came.
        if let result = try await question.result() { return try result.get() }
      }
    }
  }

  private static let refusal = RPCError(
    .unauthenticated, "the session or access token is not valid")

  private func step(_ digest: TokenDigest, _ state: inout State) -> Step {
    let now = now()
    if state.log.isLive(at: now), var known = state.table.known(digest, at: now) {
      known.mark = state.log.mark
      return .known(known)
    }
    if state.table.isUnknown(digest, at: now) { return .refused }
    if let question = state.questions[digest],
      question.asked.duration(to: now) <= Self.sharedQuestionAgeMax
    {
      return .wait(question)
    }
    let question = Question(asked: now, mark: state.log.mark, stream: state.log.openStream)
    state.questions[digest] = question
    return .ask(question)
  }

  private func answer(
    _ question: Question, _ digest: TokenDigest,
    _ ask: () async throws(RPCError) -> AuthAPI.AuthenticateResponse
  ) async throws(RPCError) -> KnownCredential {
    let result: Result<KnownCredential, RPCError>
    do {
      let response = try await ask()
      result = state.withLock { take(response, question, digest, &$0) }
    } catch {
      state.withLock { state in
        if error.code == .unauthenticated {
          state.table.noteUnknown(digest, asked: question.asked, at: now())
        }
        remove(question, digest, &state)
      }
      result = .failure(error)
    }
    // Who asked may have left; the others did not.
    if case .failure(let error) = result, error.code == .cancelled {
      question.finish(nil)
    } else {
      question.finish(result)
    }
    return try result.get()
  }

  private func remove(_ question: Question, _ digest: TokenDigest, _ state: inout State) {
    if state.questions[digest] === question { state.questions[digest] = nil }
  }

  private func take(
    _ response: AuthAPI.AuthenticateResponse, _ question: Question, _ digest: TokenDigest,
    _ state: inout State
  ) -> Result<KnownCredential, RPCError> {
    remove(question, digest, &state)
    let known = KnownCredential(
      assertions: Assertions(response), account: response.account ?? AuthAPI.Account(),
      limits: AccessLimits(response.limits),
      name: CredentialName(response), mark: question.mark)
    guard let name = known.name else { return .success(known) }
    switch state.log.verdict(on: name, since: question.mark) {
    case .revoked: return .failure(Self.refusal)
    case .unknown: return .success(known)
    case .stands: break
    }
    // Only with a stream that was there before the question was is nothing missed in between.
    if let stream = question.stream, stream == state.log.openStream,
      let validFor = response.validFor?.duration, validFor > Self.margin
    {
      state.table.keep(
        known, named: name, digest, until: question.asked + validFor - Self.margin)
    }
    return .success(known)
  }

  /// Has the next request ask `auth` anew.
  func forget(_ digest: TokenDigest) {
    state.withLock { $0.table.remove(digest) }
  }

  // MARK: Revocations

  /// Takes an answer of the stream; `known_until` counts from `begin`, before the call was made.
  func hear(_ answer: AuthAPI.WatchRevocationsResponse, since begin: Instant) {
    let revoked = answer.revocations.compactMap { RevokedCredentials($0) }
    // What can't be read is a revocation all the same.
    let isIncomplete = answer.isIncomplete || revoked.count < answer.revocations.count
    let now = now()
    let ended = state.withLock { state in
      if isIncomplete {
        state.log.noteGap()
        state.table.removeAll()
      }
      for revoked in revoked { note(revoked, &state) }
      if let until = answer.knownUntil?.duration, until >= .zero {
        state.log.isComplete(until: min(begin + until, now))
      }
      if state.swept.duration(to: now) >= .seconds(1) {
        state.swept = now
        state.table.removeEnded(at: now)
      }
      return isIncomplete ? state.uses.all : state.uses.of(revoked)
    }
    for end in ended { end() }
  }

  /// From now on `auth` is asked for each request.
  func streamHasEnded() {
    state.withLock { state in
      state.log.streamHasEnded()
      state.table.removeAll()
    }
  }

  /// Takes note of what was revoked through this gateway, before the stream tells of it.
  func revoke(credentialID: UUID) {
    let revoked = RevokedCredentials(accountID: nil, credentialID: credentialID)
    let ended = state.withLock { state in
      note(revoked, &state)
      return state.uses.of([revoked])
    }
    for end in ended { end() }
  }

  private func note(_ revoked: RevokedCredentials, _ state: inout State) {
    state.log.note(revoked)
    state.table.remove(revoked)
  }

  // MARK: Running uses

  /// Registers a use that began with what was known at `mark`; it may be over already.
  func begin(_ use: CredentialUse, of name: CredentialName, since mark: Int) {
    let verdict = state.withLock { state in
      let verdict = state.log.verdict(on: name, since: mark)
      if verdict == .stands { state.uses.insert(use, of: name) }
      return verdict
    }
    if verdict != .stands { use.revoke() }
  }

  func end(_ id: ObjectIdentifier) {
    state.withLock { $0.uses.remove(id) }
  }
}

extension AccessLimits {
  init(_ limits: AuthAPI.AccessLimits?) {
    self.init(
      providers: limits?.providers ?? [], labels: limits?.labels ?? [],
      models: limits?.models ?? [], networks: limits?.networks ?? [])
  }
}
