import Cryptography
package import FoundationEssentials

/// One mail: a subject and its text in two forms, of which the reader's program shows one.
package struct MailMessage: Sendable, Hashable {
  package let id: UUID
  package let from: MailAddress
  package let to: MailAddress
  package let subject: String
  /// Lines end with a line feed.
  package let text: String
  package let html: String
  package let time: Date

  package init(
    id: UUID = SecureRandom.uuid(), from: MailAddress, to: MailAddress, subject: String,
    text: String, html: String, time: Date
  ) {
    self.id = id
    self.from = from
    self.to = to
    self.subject = subject
    self.text = text
    self.html = html
    self.time = time
  }

  /// The whole as SMTP carries it (RFC 5322, RFC 2046), lines ending with CRLF.
  ///
  /// Of what strangers may have written, nothing reaches a header as it is: addresses are checked,
  /// names and subject are encoded words, the bodies are quoted-printable.
  package var encoded: [UInt8] {
    let boundary = "chatelaine-\(id.uuidString)"
    let lines = [
      "Date: \(MailDate.text(time))",
      "From: \(from.headerText)",
      "To: \(to.headerText)",
      "Subject: \(HeaderText.encodedWords(subject))",
      "Message-ID: <\(id.uuidString.lowercased())@\(from.domain)>",
      // No answers of absence notices and the like (RFC 3834).
      "Auto-Submitted: auto-generated",
      "MIME-Version: 1.0",
      "Content-Type: multipart/alternative; boundary=\"\(boundary)\"",
      "", "--\(boundary)",
      "Content-Type: text/plain; charset=utf-8",
      "Content-Transfer-Encoding: quoted-printable",
      "", QuotedPrintable.encode(text), "--\(boundary)",
      "Content-Type: text/html; charset=utf-8",
      "Content-Transfer-Encoding: quoted-printable",
      "", QuotedPrintable.encode(html), "--\(boundary)--", "",
    ]
    return Array(lines.joined(separator: "\r\n").utf8)
  }
}

/// The date of a header, in UTC (RFC 5322, 3.3).
enum MailDate {
  private static let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
  private static let months = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
  ]

  static func text(_ date: Date) -> String {
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = .gmt
    let parts = calendar.dateComponents(
      [.weekday, .day, .month, .year, .hour, .minute, .second], from: date)
    func number(_ value: Int?, _ digits: Int = 2) -> String {
      let text = String(value ?? 0)
      return String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
    }
    let clock = "\(number(parts.hour)):\(number(parts.minute)):\(number(parts.second))"
    return "\(days[((parts.weekday ?? 1) - 1) % 7]), \(number(parts.day)) "
      + "\(months[((parts.month ?? 1) - 1) % 12]) \(number(parts.year, 4)) \(clock) +0000"
  }
}

/// Carries mails away.
package protocol MailTransport: Sendable {
  /// Returns when the next station has taken the mail over.
  func send(_ message: MailMessage) async throws(MailError)
}

/// Why a mail didn't leave.
package enum MailError: Error, Hashable, CustomStringConvertible {
  /// The server refuses this mail for good, e.g. because it knows no such recipient; trying again
  /// is pointless.
  case refused(code: Int, detail: String)
  /// The server can't be reached, isn't the right one, or says "later".
  case unavailable(detail: String)

  package var description: String {
    switch self {
    case .refused(let code, let detail): "refused with \(code): \(detail)"
    case .unavailable(let detail): detail
    }
  }
}
