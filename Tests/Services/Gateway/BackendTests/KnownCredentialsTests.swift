import Cryptography
import Foundation
import Identity
import Protobuf
import RPC
import ServiceAPI
import Synchronization
import Testing

@testable import Backend

/// What the gateway takes for known, and when it asks `auth` again. Time stands still.
@Suite struct KnownCredentialsTests {
  private static let purpose = AssertionPurpose(.vault, .use)

  private let world = CredentialWorld()
  private var known: KnownCredentials { world.known }

  @Test func withoutAStreamEachRequestAsks() async throws {
    for _ in 1...3 { try await world.ask() }
    #expect(world.questions == 3)
    #expect(known.counts.known == 0)
  }

  @Test func whileRevocationsAreHeardOneAnswerServesManyRequests() async throws {
    world.hear()
    for _ in 1...3 { #expect(try await world.ask().assertions[Self.purpose] == [1]) }
    #expect(world.questions == 1)
  }

  @Test func anAnswerToAQuestionFromBeforeTheStreamIsNotKept() async throws {
    try await world.ask { world.hear() }
    #expect(known.counts.known == 0)
    world.hear()
    try await world.ask {
      known.streamHasEnded()
      world.hear()
    }
    #expect(known.counts.known == 0)
  }

  @Test(arguments: [true, false])
  func aRevocationMakesTheNextRequestAsk(isOfWholeAccount: Bool) async throws {
    world.hear()
    try await world.ask()
    world.hear([CredentialWorld.revocation(isOfWholeAccount ? nil : CredentialWorld.credential)])
    try await world.ask()
    #expect(world.questions == 2)
    // Another's does not.
    world.hear([AuthAPI.Revocation(accountId: UUID().uuidString, credentialId: UUID().uuidString)])
    try await world.ask()
    #expect(world.questions == 2)
  }

  @Test func aTokenThatIsRevokedWhileAuthIsAskedIsRefused() async throws {
    world.hear()
    await #expect(throws: RPCError.self) {
      try await world.ask { world.hear([CredentialWorld.revocation(CredentialWorld.credential)]) }
    }
    await #expect(throws: RPCError.self) {
      try await world.ask { known.revoke(credentialID: CredentialWorld.credential) }
    }
    #expect(known.counts.known == 0)
  }

  @Test func whatThisGatewayRevokedItKnowsAtOnce() async throws {
    world.hear()
    try await world.ask()
    known.revoke(credentialID: CredentialWorld.credential)
    #expect(known.counts.known == 0)
  }

  @Test func afterASecondOfSilenceAuthIsAskedAgain() async throws {
    world.hear()
    try await world.ask()
    world.clock.advance(by: .milliseconds(900))
    try await world.ask()
    #expect(world.questions == 2)
    // What was on its way for long tells nothing about now.
    world.hear(knownFor: .milliseconds(1))
    try await world.ask()
    #expect(world.questions == 3)
    world.hear()
    try await world.ask()
    #expect(world.questions == 3)
  }

  @Test func theEndOfTheStreamAndAGapForgetEverything() async throws {
    world.hear()
    try await world.ask()
    known.streamHasEnded()
    #expect(known.counts.known == 0)
    world.hear()
    try await world.ask()
    world.hear(isIncomplete: true)
    #expect(known.counts.known == 0)
    // What can't be read is a revocation all the same.
    try await world.ask()
    world.hear([AuthAPI.Revocation(accountId: "?", credentialId: "?")])
    #expect(known.counts.known == 0)
  }

  @Test func anAnswerIsGivenUpBeforeItEnds() async throws {
    world.hear()
    try await world.ask(validFor: KnownCredentials.margin + .seconds(10))
    world.clock.advance(by: .seconds(10))
    world.hear()
    try await world.ask(validFor: KnownCredentials.margin)
    #expect(world.questions == 2)
    try await world.ask(validFor: nil)
    #expect(world.questions == 3)
    world.clock.advance(by: .seconds(1))
    world.hear()
    #expect(known.counts.known == 0)
  }

  @Test func aVisitorWhoTookAsLongAsTheMarginIsAskedForAnew() {
    let credential = Credential.accessToken(SecretBytes(utf8: "token"))
    let credentials = VisitorCredentials(credential, Assertions(.init(assertion: [1]))) {
      _ throws(RPCError) in throw RPCError(.unavailable, "nobody is there")
    }
    var visitor = Visitor(
      credential: credential, credentials: credentials, account: AuthAPI.Account())
    #expect(visitor.isFresh)
    visitor.begin -= KnownCredentials.margin
    #expect(!visitor.isFresh)
  }

  @Test func aTokenThatAuthDoesNotKnowIsRefusedForASecond() async throws {
    for _ in 1...3 { await #expect(throws: RPCError.self) { try await world.refuse() } }
    #expect(world.questions == 1)
    world.clock.advance(by: .seconds(1))
    await #expect(throws: RPCError.self) { try await world.refuse() }
    #expect(world.questions == 2)
  }

  @Test func otherFailuresAreNotRemembered() async throws {
    for _ in 1...2 {
      let error = await #expect(throws: RPCError.self) {
        try await world.refuse(with: RPCError(.unavailable, "nobody is there"))
      }
      #expect(error?.code == .unavailable)
    }
    #expect(world.questions == 2)
  }

  @Test func floodsAndManyTokensStayWithinBounds() async throws {
    let world = CredentialWorld(limits: .init(entries: 5, entriesPerAccount: 2, unknown: 8))
    world.hear()
    for number in 1...20 {
      await #expect(throws: RPCError.self) { try await world.refuse("unknown \(number)") }
      if number == 10 { world.clock.advance(by: .seconds(1)) }
    }
    #expect(world.known.counts.unknown == 8)
    world.hear()
    let busy = UUID()
    for number in 1...9 { try await world.ask("busy \(number)", account: busy, credential: UUID()) }
    #expect(world.known.counts.known == 2)
    for number in 1...9 { try await world.ask("\(number)", account: UUID(), credential: UUID()) }
    #expect(world.known.counts.known == 5)
  }

  // MARK: Together

  @Test func manyAtOnceAskOnce() async throws {
    let (release, releaser) = AsyncStream.makeStream(of: Void.self)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 1...8 {
        group.addTask {
          try await world.ask { () async throws(RPCError) in for await _ in release {} }
        }
      }
      while world.waiting < 7 { await Task.yield() }
      releaser.finish()
      try await group.waitForAll()
    }
    #expect(world.questions == 1)
  }

  @Test func whenTheOneWhoAskedLeavesAnotherAsks() async throws {
    let (release, releaser) = AsyncStream.makeStream(of: Void.self)
    let first = Task {
      try await world.ask { () async throws(RPCError) in
        for await _ in release {}
        throw RPCError(.cancelled, "the client has left")
      }
    }
    while world.questions == 0 { await Task.yield() }
    let second = Task { try await world.ask() }
    while world.waiting == 0 { await Task.yield() }
    let third = Task { try await world.ask() }
    while world.waiting < 2 { await Task.yield() }
    third.cancel()
    await #expect(throws: RPCError.self) { try await third.value }
    first.cancel()
    releaser.finish()
    #expect(try await second.value.assertions[Self.purpose] == [1])
    #expect(world.questions == 2)
  }

  @Test func whoComesLongAfterAQuestionAsksAgain() async throws {
    let (release, releaser) = AsyncStream.makeStream(of: Void.self)
    let first = Task {
      try await world.ask { () async throws(RPCError) in for await _ in release {} }
    }
    while world.questions == 0 { await Task.yield() }
    world.clock.advance(by: .seconds(1))
    try await world.ask()
    #expect(world.questions == 2)
    releaser.finish()
    _ = try await first.value
  }

  // MARK: Running requests

  @Test func aRevocationEndsWhatRunsOnTheToken() async throws {
    world.hear()
    let known = try await world.ask()
    let (running, over, another) = (world.use(), world.use(), world.use())
    world.begin(running, known)
    world.begin(over, known)
    self.known.begin(
      another.use, of: CredentialName(accountID: UUID(), credentialID: UUID()), since: known.mark)
    over.use.end()
    world.hear([CredentialWorld.revocation(CredentialWorld.credential)])
    #expect(running.isRevoked && !over.isRevoked && !another.isRevoked)
    world.hear(isIncomplete: true)
    #expect(another.isRevoked)
  }

  @Test func aRevocationBeforeTheAnswerOnlyEndsWhatIsWaitedFor() async throws {
    world.hear()
    let known = try await world.ask()
    let waiting = world.use(isAnswering: false)
    world.begin(waiting, known)
    let stops = Mutex(0)
    waiting.use.onRevocation { stops.withLock { $0 += 1 } }
    world.hear([CredentialWorld.revocation(CredentialWorld.credential)])
    #expect(stops.withLock(\.self) == 1)
    #expect(waiting.use.isRevoked && !waiting.isRevoked)
    #expect(!waiting.use.beginAnswer())
    // Whoever comes later is told at once.
    waiting.use.onRevocation { stops.withLock { $0 += 1 } }
    #expect(stops.withLock(\.self) == 2)
    waiting.use.end()
    #expect(waiting.use.isRevoked)
  }

  @Test func aRevocationThatWasFasterThanItsRequestEndsIt() async throws {
    world.hear()
    let known = try await world.ask()
    // Heard by the next stream: what runs meanwhile is not forgotten.
    self.known.streamHasEnded()
    world.hear([CredentialWorld.revocation(nil)])
    let late = world.use()
    world.begin(late, known)
    #expect(late.isRevoked)
    #expect(self.known.runningCount == 0)
  }

  @Test func aUseThatIsDroppedIsForgotten() async throws {
    world.hear()
    let known = try await world.ask()
    do {
      let use = world.use()
      world.begin(use, known)
      #expect(self.known.runningCount == 1)
    }
    #expect(self.known.runningCount == 0)
  }
}
