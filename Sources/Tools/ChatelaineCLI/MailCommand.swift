import ArgumentParser
import Foundation
import LocalDeployment
import Mail

/// `chatelaine mail`: the mails of a deployment that has no mail server.
struct MailCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "mail",
    abstract: "Read the mails of a deployment that has no mail server.",
    discussion: """
      Without SMTP_URL, `chatelaine up` lets mails end in a folder of the state directory. Whoever \
      can read it can open the links in them.
      """,
    subcommands: [List.self, Show.self])

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Print number, time, recipient and subject of each mail, the oldest first.")

    @OptionGroup var location: StateLocation

    func run() throws {
      let mails = try Mailbox(path: location.state.mailDirectory).mails()
      if mails.isEmpty { Terminal.print("no mails") }
      for (number, mail) in zip(1..., mails) {
        let time = mail.time.formatted(.iso8601)
        Terminal.print("\(number)  \(time)  \(mail.to)  \(mail.subject)")
      }
    }
  }

  struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Print a mail's text; the newest without a number.")

    @Argument(help: "The number that `mail list` gives it.")
    var number: Int?

    @Option(help: "Only mails to this address count.")
    var to: String?

    @OptionGroup var location: StateLocation

    func run() throws {
      let all = try Mailbox(path: location.state.mailDirectory).mails()
      let mails = all.filter { mail in to.map { mail.to == $0 } ?? true }
      let index = number.map { $0 - 1 } ?? mails.count - 1
      guard mails.indices.contains(index) else {
        throw CommandError(mails.isEmpty ? "there is no mail" : "there is no mail \(index + 1)")
      }
      let mail = mails[index]
      Terminal.print("To: \(mail.to)\nSubject: \(mail.subject)\n\n\(mail.text)")
    }
  }
}
