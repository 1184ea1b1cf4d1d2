import Cryptography
import Foundation
import Identity
import Mail
import Postgres
import TestSupport
import Testing

@testable import Auth
@testable import AuthServer

/// Mails on their way from the table to a real SMTP server.
@Suite struct MailRelayTests {
  private func transport(_ server: SMTPTestServer) throws -> SMTPTransport {
    SMTPTransport(
      server: try SMTPServer(
        url: SecretBytes(utf8: "smtp://127.0.0.1:\(server.port)"), isPlain: true),
      ownName: "keys.example.com")
  }

  private func waiting(_ bench: AuthBench) async throws -> Int {
    try await bench.queue.waiting(countMax: 100, in: bench.database.postgres).count
  }

  private func makeDue(_ bench: AuthBench) async throws {
    try await bench.database.superuser.execute("UPDATE auth.mails SET retry_time = '-infinity'")
  }

  @Test func aMailReachesItsServerAndIsForgotten() async throws {
    let bench = try await AuthBench()
    let server = try await SMTPTestServer()
    let email = bench.newEmail()
    try await bench.signUp(email)
    #expect(try await waiting(bench) == 1)
    try await bench.relay(try transport(server)).sendAll()
    let mail = try #require(try await server.next())
    #expect(mail.recipients == [email])
    #expect(mail.sender == "portal@example.com")
    #expect(try await waiting(bench) == 0)
    await server.stop()
  }

  @Test func aDeadServerLosesNothingAndItsMailsAreNotTriedAtOnce() async throws {
    let bench = try await AuthBench()
    let dead = try await SMTPTestServer()
    await dead.stop()
    let email = bench.newEmail()
    try await bench.signUp(email)
    let relay = try bench.relay(try transport(dead))
    try await relay.sendAll()
    #expect(try await waiting(bench) == 1)
    // It is put off: the next look finds nothing that is due.
    #expect(try await bench.queue.take(in: bench.database.postgres).isEmpty)

    let server = try await SMTPTestServer()
    try await makeDue(bench)
    try await bench.relay(try transport(server)).sendAll()
    #expect(try await server.next()?.recipients == [email])
    #expect(try await waiting(bench) == 0)
    await server.stop()
  }

  @Test func aRefusedMailIsGivenUpAndAPutOffOneIsNot() async throws {
    let bench = try await AuthBench()
    let (refused, fine) = (bench.newEmail(), bench.newEmail())
    var options = SMTPTestServer.Options()
    options.refuse = refused
    options.defer = 1
    let server = try await SMTPTestServer(options)
    try await bench.signUp(refused)
    try await bench.signUp(fine)
    let relay = try bench.relay(try transport(server))
    try await relay.sendAll()
    #expect(try await waiting(bench) == 1)
    try await makeDue(bench)
    try await relay.sendAll()
    #expect(try await server.next()?.recipients == [fine])
    #expect(try await waiting(bench) == 0)
    await server.stop()
  }

  @Test func aMailThatCouldNotBeSentForDaysIsGivenUp() async throws {
    let bench = try await AuthBench()
    let dead = try await SMTPTestServer()
    await dead.stop()
    try await bench.signUp(bench.newEmail())
    try await bench.database.superuser.execute(
      "UPDATE auth.mails SET create_time = now() - interval '3 days'")
    try await bench.relay(try transport(dead)).sendAll()
    #expect(try await waiting(bench) == 0)
  }

  @Test func noTokenLiesInTheDatabase() async throws {
    let bench = try await AuthBench()
    let email = bench.newEmail()
    try await bench.signUp(email)
    func text() async throws -> String {
      try await bench.database.superuser.first(
        """
        SELECT concat((SELECT string_agg(m::text, ' ') FROM auth.mails AS m),
                      (SELECT string_agg(l::text, ' ') FROM auth.links AS l)) AS text
        """
      ) { row throws(PostgresError) in try row.decode("text", as: String.self) } ?? ""
    }
    #expect(try await !text().contains("chl_"))
    let token = try await bench.token(to: email)
    #expect(try await !text().contains(token))
  }

  @Test func ofSeveralProcessesEachTakesOtherMails() async throws {
    let bench = try await AuthBench()
    for _ in 0..<12 { try await bench.signUp(bench.newEmail()) }
    async let first = bench.queue.take(in: bench.database.postgres)
    async let second = bench.queue.take(in: bench.database.postgres)
    let (one, two) = (try await first.map(\.order.id), try await second.map(\.order.id))
    #expect(Set(one).isDisjoint(with: two))
    #expect(one.count + two.count >= 8)
  }

  @Test func aLetterShowsWhatStrangersWroteAsText() throws {
    let order = MailOrder(
      .passwordChanged, to: try EmailAddress("o'neil&co@example.com"), of: nil,
      device: "<b>\u{600}<i>", ipAddress: "{body}\"", at: Date())
    let letter = Letter(order, link: nil, portal: AuthBench.portal)
    #expect(!letter.html.contains("<b>") && !letter.html.contains("<i>"))
    #expect(letter.html.contains("o&#39;neil&amp;co@example.com"))
    #expect(letter.html.contains("{body}&quot;"))
    for occasion in MailOrder.Occasion.allCases {
      let order = MailOrder(occasion, to: order.email, of: nil, at: Date())
      let link = occasion.purpose.map { _ in "https://keys.example.com/confirm?token=chl_x" }
      let letter = Letter(order, link: link, portal: AuthBench.portal)
      #expect(!letter.subject.isEmpty)
      #expect(letter.text.contains("chl_x") == (link != nil))
      #expect(letter.html.contains("chl_x") == (link != nil))
    }
  }
}
