import Foundation
import Identity
import Receipts
import Synchronization
import Testing

@testable import UseCases

/// An error like those of the services.
private enum TestError: UseCaseError, Equatable {
  case denied(Refusal)
  case notFound
  case invalid
  case storage

  var refusal: Refusal? { if case .denied(let refusal) = self { refusal } else { nil } }
  var receiptReason: String? { self == .notFound ? "not-found" : nil }
}

/// A door whose receipts can be read.
private final class Ledger: Sendable {
  private let kept = Mutex<[Receipt]>([])
  private let isBroken: Bool

  init(isBroken: Bool = false) { self.isBroken = isBroken }

  var receipts: [Receipt] { kept.withLock { $0 } }

  var door: Door<TestError> {
    Door(clock: { Date(timeIntervalSince1970: 1_700_000_000) }) {
      (receipt) async throws(TestError) in
      guard !self.isBroken else { throw .storage }
      self.kept.withLock { $0.append(receipt) }
    }
  }
}

@Suite struct DoorTests {
  private let owner = UserID(UUID())

  private func caller(_ scopes: Scope...) -> Principal {
    .caller(
      Caller(
        userID: owner, email: "owner@example.org", credential: .accessToken(UUID()),
        scopes: Scopes(scopes)))
  }

  private var session: Principal {
    .caller(Caller(userID: owner, email: "owner@example.org", credential: .session(UUID())))
  }

  @Test func whoeverIsNotAllowedIsRecordedBeforeAnythingIsDone() async {
    let ledger = Ledger()
    await #expect(throws: TestError.denied(.missingScope)) {
      try await ledger.door.perform(
        .providerConfigCreate, by: caller(.use, .readAudit), from: CallOrigin(ipAddress: "::1")
      ) { (_) async throws(TestError) -> Act<Void> in
        Issue.record("acted")
        return .committed(())
      }
    }
    let receipt = ledger.receipts.first
    #expect(ledger.receipts.count == 1)
    #expect(receipt?.outcome == .denied)
    #expect(receipt?.details["reason"] == .text("missing-scope"))
    #expect(receipt?.details["credential"] == .text("access-token"))
    #expect(receipt?.target.type == "provider-config")
    #expect(receipt?.accountID == owner)
    #expect(receipt?.origin.ipAddress == "::1")
  }

  @Test func aRefusalThatCanNotBeRecordedIsTheFailureOfTheCall() async {
    await #expect(throws: TestError.storage) {
      try await Ledger(isBroken: true).door.perform(
        .providerConfigCreate, by: caller(.use), from: CallOrigin()
      ) { (_) async throws(TestError) -> Act<Void> in .committed(()) }
    }
  }

  @Test func aSuccessWithoutAChangeIsRecordedBeforeItsValueLeaves() async throws {
    let ledger = Ledger()
    let value = try await ledger.door.perform(
      .providerConfigImport, by: session, from: CallOrigin()
    ) { (entry) async throws(TestError) -> Act<Int> in
      entry.set("result", .text("already-present"))
      return .succeeded(1)
    }
    #expect(value == 1)
    #expect(ledger.receipts.map(\.outcome) == [.success])
    #expect(ledger.receipts.first?.details["result"] == .text("already-present"))
    await #expect(throws: TestError.storage) {
      try await Ledger(isBroken: true).door.perform(
        .providerConfigImport, by: session, from: CallOrigin()
      ) { (_) async throws(TestError) -> Act<Int> in .succeeded(1) }
    }
  }

  @Test func whatWasCommittedWithItsChangeIsNotRecordedAgain() async throws {
    let ledger = Ledger()
    try await ledger.door.perform(.providerConfigDelete, by: session, from: CallOrigin()) {
      (_) async throws(TestError) -> Act<Void> in .committed(())
    }
    #expect(ledger.receipts.isEmpty)
  }

  @Test func aFailureIsRecordedWithWhatWasKnownOfItsTarget() async {
    let ledger = Ledger()
    let target = Receipt.Target(type: "provider-config", id: "7", name: "openai/default")
    await #expect(throws: TestError.notFound) {
      try await ledger.door.perform(.credentialResolve, by: caller(.use), from: CallOrigin()) {
        (entry) async throws(TestError) -> Act<Void> in
        entry.set(target)
        throw .notFound
      }
    }
    #expect(ledger.receipts.map(\.outcome) == [.failure])
    #expect(ledger.receipts.first?.target == target)
  }

  @Test func inputThatNeverBecameAnActionAndReadsThatFindNothingLeaveNoReceipt() async {
    let ledger = Ledger()
    await #expect(throws: TestError.invalid) {
      try await ledger.door.perform(.providerConfigCreate, by: session, from: CallOrigin()) {
        (_) async throws(TestError) -> Act<Void> in throw .invalid
      }
    }
    await #expect(throws: TestError.notFound) {
      try await ledger.door.perform(.providerConfigGet, by: session, from: CallOrigin()) {
        (_) async throws(TestError) -> Act<Void> in throw .notFound
      }
    }
    #expect(ledger.receipts.isEmpty)
  }

  @Test func aRefusalOfTheUseCaseItselfIsRecordedAsOne() async {
    let ledger = Ledger()
    await #expect(throws: TestError.denied(.moreThanOwn)) {
      try await ledger.door.perform(.accessTokenCreate, by: caller(.manage), from: CallOrigin()) {
        (_) async throws(TestError) -> Act<Void> in throw .denied(.moreThanOwn)
      }
    }
    #expect(ledger.receipts.map(\.outcome) == [.denied])
  }
}

@Suite struct PermissionsTests {
  private static let sessionActions = Set<ReceiptAction>([
    .accountGet, .sessionDelete, .accessTokenCreate, .accessTokenDelete, .accessTokenList,
    .providerConfigCreate, .providerConfigImport, .providerConfigUpdate, .providerConfigEnable,
    .providerConfigDisable, .providerConfigDelete, .providerConfigGet, .providerConfigList,
    .credentialResolve, .credentialTest, .auditEventList,
    .accessTokenDerive, .accessTokenRotate,
    .providerConfigRestore, .providerConfigUndelete, .formerKeyList, .providerConfigStage,
    .providerConfigSwitch, .providerConfigUnstage,
  ]).union(accountActions)
  /// On one's own account: with a session only.
  private static let accountActions: Set<ReceiptAction> = [
    .emailVerificationSend, .emailChangeRequest, .passwordChange, .sessionList, .sessionRevoke,
    .sessionConfirm, .sessionRotate, .secondFactorGet, .secondFactorEnable, .secondFactorDisable,
    .recoveryCodesCreate, .accountDeleteRequest,
    .recoveryCodesCreate, .passkeyCreate, .passkeyRename, .passkeyDelete, .passkeyList,
    .identityLink, .identityUnlink, .identityList, .credentialReveal,
  ]
  /// On other people's.
  private static let adminActions: Set<ReceiptAction> = [
    .accountList, .accountInvite, .accountRoleSet, .accountDisable, .accountEnable,
    .accountUnlock, .accountSignOut, .accountPasswordReset, .accountFactorReset,
    .accountDelete, .accountRestore, .accountTokensRevoke,
  ]

  private static let now = Date(timeIntervalSince1970: 1_800_000_000)

  private static func allowed(_ principal: Principal) -> Set<ReceiptAction> {
    Set(
      ReceiptAction.allCases.filter {
        Permissions.refusal(of: principal, Permissions.rule(for: $0), at: now) == nil
      })
  }

  private static func caller(
    _ credential: Caller.Credential, _ scopes: Scope..., role: Role = .user,
    confirmTime: Date? = PermissionsTests.now.addingTimeInterval(-599)
  ) -> Principal {
    .caller(
      Caller(
        userID: UserID(UUID()), email: "owner@example.org", credential: credential,
        scopes: Scopes(scopes), role: role, confirmTime: confirmTime))
  }

  @Test func aTokenForUseUsesKeysAndNothingElse() {
    #expect(
      Self.allowed(Self.caller(.accessToken(UUID()), .use)) == [
        .accountGet, .credentialResolve, .credentialTest, .accessTokenDerive,
        // Itself only.
        .accessTokenDelete,
      ])
  }

  @Test func aTokenThatManagesNeitherUsesKeysNorReadsTheLog() {
    let allowed = Self.allowed(Self.caller(.accessToken(UUID()), .manage))
    #expect(
      allowed
        == Self.sessionActions.subtracting([
          .sessionDelete, .credentialResolve, .auditEventList,
        ]).subtracting(Self.accountActions))
  }

  @Test func aTokenThatReadsTheLogDoesNothingElse() {
    #expect(
      Self.allowed(Self.caller(.accessToken(UUID()), .readAudit)) == [
        .accountGet, .auditEventList, .accessTokenDerive, .accessTokenDelete,
      ])
  }

  @Test func aTokenWithoutScopesMayNothing() {
    #expect(Self.allowed(Self.caller(.accessToken(UUID()))).isEmpty)
  }

  @Test func aSessionIsItsOwner() {
    #expect(Self.allowed(Self.caller(.session(UUID()))) == Self.sessionActions)
  }

  @Test func whatTakesAnAccountOverNeedsAConfirmationOfTheLastTenMinutes() {
    let late = Self.caller(
      .session(UUID()), role: .admin, confirmTime: Self.now.addingTimeInterval(-600))
    let never = Self.caller(.session(UUID()), role: .admin, confirmTime: nil)
    let needing = Self.adminActions.subtracting([.accountList]).union([
      .accessTokenCreate, .secondFactorEnable, .secondFactorDisable, .recoveryCodesCreate,
      .accountDeleteRequest, .accessTokenRotate, .passwordChange, .emailChangeRequest,
      .passkeyCreate, .passkeyDelete, .identityLink, .identityUnlink, .credentialReveal,
    ])
    for caller in [late, never] {
      #expect(
        Self.allowed(caller)
          == Self.sessionActions.union([.accountList, .auditEventListAll]).subtracting(needing))
      for action in needing {
        #expect(
          Permissions.refusal(of: caller, Permissions.rule(for: action), at: Self.now)
            == .confirmationNeeded)
      }
    }
  }

  @Test func aRoleCountsWithASessionOnly() {
    let session = Caller.Credential.session(UUID())
    #expect(
      Self.allowed(Self.caller(session, role: .auditor))
        == Self.sessionActions.union([.auditEventListAll]))
    #expect(
      Self.allowed(Self.caller(session, role: .admin))
        == Self.sessionActions.union(Self.adminActions).union([.auditEventListAll]))
    let token = Self.caller(.accessToken(UUID()), .use, .manage, .readAudit, role: .admin)
    #expect(Self.allowed(token).isDisjoint(with: Self.adminActions))
    #expect(!Self.allowed(token).contains(.auditEventListAll))
  }

  @Test func anOperatorActsForNobodyButToImport() {
    let allowed: Set<ReceiptAction> = [
      .accountGet, .providerConfigImport, .providerConfigList,
      // Asked for by the command line's certificate; an assertion of it grants no more.
      .operatorImpersonate, .masterKeyGet, .masterKeyRotate, .masterKeyVerify,
      // After a restore.
      .accountErase,
    ]
    #expect(Self.allowed(Self.caller(.operator)) == allowed.union(Self.adminActions))
  }

  @Test func strangersSignUpLogInAndPresentCredentials() {
    #expect(
      Self.allowed(.stranger) == [
        .accountCreate, .sessionCreate, .credentialAuthenticate, .logInBegin,
        // By the token of a link.
        .linkRedeem, .emailVerify, .emailChange, .accountUnlock, .passwordReset,
        .passwordResetRequest, .accountRestore,
      ])
  }

  @Test func servicesDoWhatNobodyElseDoes() {
    #expect(Self.allowed(.service("vault")) == [.auditEventAppend, .formerKeyDestroy])
    #expect(Self.allowed(.service("auth")) == [.auditEventAppend, .sessionSweep, .accountErase])
    #expect(
      Self.allowed(.service("gateway")) == [.credentialUse, .keyNoticeDeliver, .auditLogGet])
    #expect(Self.allowed(.service("audit")).isEmpty)
  }
}
