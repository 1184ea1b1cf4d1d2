import Foundation
import Testing

@testable import Mail

@Suite struct MailboxTests {
  private let path = "/tmp/chatelaine-mailbox-\(UUID().uuidString)"

  private func message(_ subject: String, at seconds: Double) throws -> MailMessage {
    MailMessage(
      from: try #require(MailAddress("portal@example.com")),
      to: try #require(MailAddress("ann@example.com")), subject: subject,
      text: "Grüße\n\nhttp://localhost/x?token=abc=def\n", html: "<p>Grüße</p>",
      time: Date(timeIntervalSince1970: seconds))
  }

  @Test func whatIsSentLiesInTheFolderForItsOwnerOnly() async throws {
    defer { try? FileManager.default.removeItem(atPath: path) }
    let mailbox = Mailbox(path: path)
    #expect(try mailbox.mails().isEmpty)
    try await mailbox.send(try message("Second ü", at: 2_000))
    try await mailbox.send(try message("First", at: 1_000))
    let mails = try mailbox.mails()
    #expect(mails.map(\.subject) == ["First", "Second ü"])
    #expect(mails[0].to == "ann@example.com")
    #expect(mails[0].text == "Grüße\n\nhttp://localhost/x?token=abc=def\n")
    #expect(mails[0].time == Date(timeIntervalSince1970: 1_000))

    let files = try FileManager.default.contentsOfDirectory(atPath: path)
    for name in files {
      let mode = try FileManager.default.attributesOfItem(atPath: "\(path)/\(name)")
      #expect(mode[.posixPermissions] as? Int == 0o600)
    }
    let folder = try FileManager.default.attributesOfItem(atPath: path)
    #expect(folder[.posixPermissions] as? Int == 0o700)
  }

  @Test func aMailThatComesTwiceIsOne() async throws {
    defer { try? FileManager.default.removeItem(atPath: path) }
    let mailbox = Mailbox(path: path)
    let mail = try message("Once", at: 1_000)
    try await mailbox.send(mail)
    try await mailbox.send(mail)
    #expect(try mailbox.mails().count == 1)
  }

  @Test func otherFilesAreLeftAlone() async throws {
    defer { try? FileManager.default.removeItem(atPath: path) }
    let mailbox = Mailbox(path: path)
    try await mailbox.send(try message("Real", at: 1_000))
    try Data("nonsense".utf8).write(to: URL(filePath: path + "/zzz.eml"))
    try Data("nonsense".utf8).write(to: URL(filePath: path + "/notes.txt"))
    #expect(try mailbox.mails().map(\.subject) == ["Real"])
    #expect(FileManager.default.fileExists(atPath: path + "/notes.txt"))
  }

  @Test func aFolderThatCannotBeMadeLosesNoMail() async throws {
    let mailbox = Mailbox(path: "/proc/no-such-place/mail")
    let mail = try message("Later", at: 1_000)
    await #expect(throws: MailError.self) { try await mailbox.send(mail) }
  }
}
