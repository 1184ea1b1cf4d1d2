import Foundation
import Identity
import Receipts
import Synchronization
import UseCases

@testable import Auth

/// Keeps everything in dictionaries, with the rules that the database enforces.
final class InMemoryAuthStore: AuthStore {
  struct State {
    var accounts: [UserID: StoredAccount] = [:]
    var sessions: [[UInt8]: Session] = [:]
    var tokens: [[UInt8]: AccessToken] = [:]
    var receipts: [Receipt] = []
    var mails: [MailOrder] = []
    var unknownLogIns = 0
    /// Writes of `noteSeen` and `noteUse`.
    var noteCount = 0
  }

  private let state = Mutex(State())

  var receipts: [Receipt] { state.withLock { $0.receipts } }
  var mails: [MailOrder] { state.withLock { $0.mails } }
  var unknownLogIns: Int { state.withLock { $0.unknownLogIns } }
  var noteCount: Int { state.withLock { $0.noteCount } }
  var sessionTokenHashes: Set<[UInt8]> { state.withLock { Set($0.sessions.keys) } }
  var accessTokenHashes: Set<[UInt8]> { state.withLock { Set($0.tokens.keys) } }

  func passwordHash(of id: UserID) -> String? {
    state.withLock { $0.accounts[id]?.passwordHash }
  }

  func setPasswordHash(_ hash: String, of id: UserID) {
    state.withLock { state in
      guard let stored = state.accounts[id] else { return }
      state.accounts[id] = StoredAccount(account: stored.account, passwordHash: hash)
    }
  }

  func insert(_ new: NewAccount) async throws(AuthError) -> Account {
    let account = new.account
    let isNew = state.withLock { state in
      guard !state.accounts.values.contains(where: { $0.account.email.key == account.email.key })
      else {
        guard let mail = new.mailIfTaken else { return false }
        state.mails.append(mail)
        state.unknownLogIns += 1
        return true
      }
      state.accounts[account.id] = StoredAccount(account: account, passwordHash: new.passwordHash)
      state.mails += new.mails
      state.receipts.append(new.receipt)
      return true
    }
    guard isNew else { throw .emailTaken }
    return account
  }

  func insert(_ mail: MailOrder) async throws(AuthError) {
    state.withLock { $0.mails.append(mail) }
  }

  func account(emailKey: String) async throws(AuthError) -> StoredAccount? {
    state.withLock { $0.accounts.values.first { $0.account.email.key == emailKey } }
  }

  func account(_ id: UserID) async throws(AuthError) -> Account? {
    state.withLock { $0.accounts[id]?.account }
  }

  func record(_ receipt: Receipt) async throws(AuthError) {
    state.withLock { $0.receipts.append(receipt) }
  }

  func countUnknownLogIn(at now: Date) async throws(AuthError) {
    state.withLock { $0.unknownLogIns += 1 }
  }

  func insert(
    _ session: Session, tokenHash: [UInt8], rehash: PasswordRehash?, sessionsMax: Int,
    receipt: Receipt
  ) async throws(AuthError) {
    if let rehash, passwordHash(of: session.accountID) == rehash.oldHash {
      setPasswordHash(rehash.newHash, of: session.accountID)
    }
    state.withLock { state in
      state.sessions[tokenHash] = session
      let newest = state.sessions.values.filter { $0.accountID == session.accountID }
        .sorted { $0.createTime > $1.createTime }.prefix(sessionsMax).map(\.id)
      state.sessions = state.sessions.filter {
        $0.value.accountID != session.accountID || newest.contains($0.value.id)
      }
      state.receipts.append(receipt)
    }
  }

  func restore(
    _ account: UserID, at now: Date, receipt: Receipt, mail: MailOrder?
  ) async throws(AuthError) -> Bool {
    state.withLock { state in
      guard let stored = state.accounts[account], let time = stored.account.deleteTime, now < time
      else { return false }
      let old = stored.account
      state.accounts[account] = StoredAccount(
        account: Account(
          id: old.id, email: old.email, displayName: old.displayName, createTime: old.createTime,
          role: old.role, verifyTime: old.verifyTime, disableTime: old.disableTime),
        passwordHash: stored.passwordHash)
      state.mails += mail.map { [$0] } ?? []
      state.receipts.append(receipt)
      return true
    }
  }

  func session(tokenHash: [UInt8]) async throws(AuthError) -> (session: Session, account: Account)?
  {
    state.withLock { state in
      guard let session = state.sessions[tokenHash],
        let account = state.accounts[session.accountID]?.account
      else { return nil }
      return (session, account)
    }
  }

  func noteSeen(session id: UUID, at now: Date) {
    state.withLock { state in
      for (hash, old) in state.sessions where old.id == id && old.lastSeenTime < now {
        state.sessions[hash] = Session(
          id: old.id, accountID: old.accountID, createTime: old.createTime, lastSeenTime: now,
          expireTime: old.expireTime, origin: old.origin)
        state.noteCount += 1
      }
    }
  }

  func deleteSession(
    _ id: UUID, of account: UserID, receipt: Receipt
  ) async throws(AuthError) {
    state.withLock { state in
      guard
        let hash = state.sessions.first(where: {
          $0.value.id == id && $0.value.accountID == account
        }
        )?.key
      else { return }
      state.sessions[hash] = nil
      state.receipts.append(receipt)
    }
  }

  func deleteSessions(
    overAt now: Date, orUnseenSince threshold: Date
  ) async throws(AuthError) -> Int {
    state.withLock { state in
      let kept = state.sessions.filter { _, session in
        session.expireTime > now && session.lastSeenTime > threshold
      }
      defer { state.sessions = kept }
      return state.sessions.count - kept.count
    }
  }

  func insert(
    _ token: AccessToken, hash: [UInt8], countMax: Int, receipt: Receipt
  ) async throws(AuthError) {
    let isStored = state.withLock { state in
      guard state.tokens.values.count(where: { $0.accountID == token.accountID }) < countMax else {
        return false
      }
      state.tokens[hash] = token
      state.receipts.append(receipt)
      return true
    }
    guard isStored else { throw .tooManyAccessTokens }
  }

  func accessToken(
    hash: [UInt8]
  ) async throws(AuthError) -> (token: AccessToken, isOld: Bool, account: Account)? {
    state.withLock { state in
      guard let token = state.tokens[hash], let account = state.accounts[token.accountID]?.account
      else { return nil }
      return (token, false, account)
    }
  }

  func accessToken(_ id: UUID, of account: UserID) async throws(AuthError) -> AccessToken? {
    state.withLock { $0.tokens.values.first { $0.id == id && $0.accountID == account } }
  }

  func noteUse(accessToken id: UUID, at now: Date, from address: String) {
    state.withLock { state in
      for (hash, old) in state.tokens where old.id == id {
        state.tokens[hash] = AccessToken(
          id: old.id, accountID: old.accountID, name: old.name, hint: old.hint,
          scopes: old.scopes,
          createTime: old.createTime, expireTime: old.expireTime, lastUseTime: now)
        state.noteCount += 1
      }
    }
  }

  func accessTokens(
    of account: UserID, derivedFrom parent: UUID?, behind position: PagePosition?, limit: Int
  ) async throws(AuthError) -> [AccessToken] {
    state.withLock { state in
      let sorted = state.tokens.values.filter { $0.accountID == account && $0.parent?.id == parent }
        .sorted { ($0.createTime, $0.id.uuidString) > ($1.createTime, $1.id.uuidString) }
      let rest = sorted.drop { token in
        guard let position else { return false }
        return (token.createTime, token.id.uuidString)
          >= (position.time, position.id.uuidString)
      }
      return Array(rest.prefix(limit))
    }
  }

  func deleteAccessToken(
    _ id: UUID, of account: UserID, receipt: @Sendable (AccessToken) -> Receipt
  ) async throws(AuthError) {
    let isDeleted = state.withLock { state in
      guard
        let found = state.tokens.first(where: {
          $0.value.id == id && $0.value.accountID == account
        })
      else { return false }
      state.tokens[found.key] = nil
      state.receipts.append(receipt(found.value))
      return true
    }
    guard isDeleted else { throw .notFound }
  }
}
