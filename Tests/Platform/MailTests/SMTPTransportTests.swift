import Cryptography
import Foundation
import LocalDeployment
import TestSupport
import Testing

@testable import Mail

/// Against aiosmtpd, which knows nothing of libcurl.
@Suite struct SMTPTransportTests {
  private func message(to recipient: String = "ann@example.com") throws -> MailMessage {
    MailMessage(
      from: try #require(MailAddress("portal@example.com", name: "Chatelaine")),
      to: try #require(MailAddress(recipient)), subject: "Confirm your address",
      text: "Open\n.\nhttps://keys.example.com/confirm?token=abc", html: "<p>Open</p>",
      time: Date(timeIntervalSince1970: 1_700_000_000))
  }

  private func transport(
    _ url: String, isPlain: Bool = false, authority: String? = nil
  ) throws -> SMTPTransport {
    var server = try SMTPServer(url: SecretBytes(utf8: url), isPlain: isPlain)
    server.certificateAuthorityFile = authority
    return SMTPTransport(server: server, ownName: "keys.example.com")
  }

  @Test func aMailArrivesAsItWasWrittenAndWithoutTLSOnlyWhereThatIsSaid() async throws {
    let server = try await SMTPTestServer()
    await #expect(throws: MailError.self) {
      try await transport("smtp://127.0.0.1:\(server.port)").send(message())
    }
    try await transport("smtp://127.0.0.1:\(server.port)", isPlain: true).send(message())
    let received = try #require(try await server.next())
    #expect(received.sender == "portal@example.com")
    #expect(received.recipients == ["ann@example.com"])
    #expect(received.helo == "keys.example.com")
    #expect(!received.secure)
    #expect(received.data.contains("To: ann@example.com\r\n"))
    let blocks = received.data.components(separatedBy: "\r\n\r\n")
    let text = blocks[2].components(separatedBy: "\r\n--chatelaine-")[0]
    #expect(
      QuotedPrintable.decode(text) == "Open\n.\nhttps://keys.example.com/confirm?token=abc")
    await server.stop()
  }

  @Test func passwordsGoOverSTARTTLSWithACheckedCertificate() async throws {
    let certificates = try TestCertificates()
    let paths = try certificates.paths("mail")
    var options = SMTPTestServer.Options(paths)
    options.user = "keys@example.com"
    options.password = "p/w:d?"
    let server = try await SMTPTestServer(options)
    let login = "keys%40example.com:p%2Fw%3Ad%3F"
    try await transport(
      "smtp://\(login)@localhost:\(server.port)", authority: paths.authority
    ).send(message())
    let received = try #require(try await server.next())
    #expect(received.secure)
    #expect(received.user == "keys@example.com")

    // The system's authorities don't vouch for it.
    await #expect(throws: MailError.self) {
      try await transport("smtp://\(login)@localhost:\(server.port)").send(message())
    }
    // A wrong password is the setting's fault: the mail waits.
    do {
      try await transport(
        "smtp://keys%40example.com:wrong@localhost:\(server.port)", authority: paths.authority
      ).send(message())
      Issue.record("was sent")
    } catch let error as MailError {
      guard case .unavailable(let detail) = error else { return #expect(Bool(false), "\(error)") }
      #expect(!detail.contains("wrong"))
    }
    await server.stop()
  }

  @Test func aCertificateOfAnotherNameIsRefused() async throws {
    let certificates = try TestCertificates()
    let paths = try certificates.paths("mail")
    let server = try await SMTPTestServer(SMTPTestServer.Options(paths))
    // 127.0.0.2 is this machine too, and not in the certificate.
    await #expect(throws: MailError.self) {
      try await transport("smtp://127.0.0.2:\(server.port)", authority: paths.authority)
        .send(message())
    }
    await server.stop()
  }

  @Test func tlsFromTheFirstByte() async throws {
    let certificates = try TestCertificates()
    let paths = try certificates.paths("mail")
    var options = SMTPTestServer.Options(paths)
    options.implicit = true
    let server = try await SMTPTestServer(options)
    try await transport("smtps://localhost:\(server.port)", authority: paths.authority)
      .send(message())
    #expect(try await server.next()?.secure == true)
    await #expect(throws: MailError.self) {
      try await transport("smtps://localhost:\(server.port)").send(message())
    }
    await server.stop()
  }

  @Test func aRefusedRecipientIsRefusedForGoodAndAPutOffMailIsNot() async throws {
    var options = SMTPTestServer.Options()
    options.refuse = "nobody@example.com"
    options.defer = 1
    let server = try await SMTPTestServer(options)
    let transport = try transport("smtp://127.0.0.1:\(server.port)", isPlain: true)
    do {
      try await transport.send(message(to: "nobody@example.com"))
      Issue.record("was sent")
    } catch let error as MailError {
      guard case .refused(550, _) = error else { return #expect(Bool(false), "\(error)") }
    }
    do {
      try await transport.send(message())
      Issue.record("was sent")
    } catch let error as MailError {
      guard case .unavailable = error else { return #expect(Bool(false), "\(error)") }
    }
    try await transport.send(message())
    #expect(try await server.next()?.recipients == ["ann@example.com"])
    await server.stop()
  }

  @Test func aDeadServerIsUnavailable() async throws {
    let server = try await SMTPTestServer()
    await server.stop()
    do {
      try await transport("smtp://127.0.0.1:\(server.port)", isPlain: true).send(message())
      Issue.record("was sent")
    } catch let error as MailError {
      guard case .unavailable = error else { return #expect(Bool(false), "\(error)") }
    }
  }

  @Test(arguments: [
    "http://h", "smtp://", "smtp://h/path", "smtp://h?x=1", "smtp://h:99999", "h:25", "smtp://h\n",
  ])
  func whatIsNoServerIsRefusedAndNotRepeated(_ url: String) {
    do {
      _ = try SMTPServer(url: SecretBytes(utf8: url))
      Issue.record("was accepted")
    } catch {
      #expect(
        "\(error)" == "must be smtp://user:password@host:port or smtps://user:password@host:port")
    }
  }

  @Test func aPasswordNeedsTLS() {
    #expect(throws: SMTPServer.Problem.self) {
      try SMTPServer(url: SecretBytes(utf8: "smtp://u:p@localhost"), isPlain: true)
    }
  }
}
