/// What a mail says, as plain text and as HTML.
package struct Letter: Sendable, Hashable {
  package let subject: String
  /// Lines end with a line feed.
  package let text: String
  package let html: String

  /// - Parameters:
  ///   - link: the address to open, for an occasion that has one.
  ///   - portal: the portal's address without a slash at the end.
  package init(_ order: MailOrder, link: String?, portal: String) {
    let words =
      order.occasion.purpose == nil ? Words.notice(order, portal) : Words.request(order)
    subject = words.subject
    var paragraphs = words.paragraphs
    if !order.ipAddress.isEmpty {
      paragraphs.append("This was done from \(order.device), \(order.ipAddress).")
    }
    let closing =
      words.closing + [
        "This mail comes from \(portal), which keeps AI-provider keys. Nobody reads answers to it."
      ]
    let action = link.map { [words.action + ":", $0] } ?? []
    text = (paragraphs + action + closing).joined(separator: "\n\n") + "\n"
    html = LetterTemplate.html(
      title: words.subject, paragraphs: paragraphs,
      button: link.map { (text: words.action, address: $0) }, closing: closing)
  }

  /// The sentences of an occasion.
  private struct Words {
    let subject: String
    let paragraphs: [String]
    /// What the link's button says.
    var action = ""
    /// What to do when it wasn't the reader.
    let closing: [String]

    private init(
      _ subject: String, _ paragraphs: [String], action: String = "", closing: [String] = []
    ) {
      self.subject = subject
      self.paragraphs = paragraphs
      self.action = action
      self.closing = closing
    }

    /// Asks its reader to open a link.
    static func request(_ order: MailOrder) -> Words {
      let email = order.email.text
      let ignore = ["If that wasn't you, ignore this mail: without the link nothing happens."]
      return switch order.occasion {
      case .confirmAddress:
        Words(
          "Confirm your e-mail address",
          ["Somebody has signed up with \(email). Is it yours? The link works for a day."],
          action: "Confirm the address", closing: ignore)
      case .resetPassword:
        Words(
          "Choose a new password",
          ["Somebody wants to choose a new password for \(email). The link works for an hour."],
          action: "Choose a new password", closing: ignore)
      case .confirmNewAddress:
        Words(
          "Confirm your new e-mail address",
          ["\(email) is to be the address of an account. The link works for a day."],
          action: "Use this address", closing: ignore)
      case .unlock:
        Words(
          "Log-in to your account is held up",
          [
            "Somebody has tried many wrong passwords for \(email). Log-in from unknown devices is "
              + "held up for a while. The link opens it again, and works for an hour."
          ], action: "Open log-in again",
          closing: ["Your password was not guessed. If the tries weren't yours, leave it at that."])
      case .deletionAsked:
        Words(
          "Your account is about to be deleted",
          [
            "The account of \(email) will be deleted with all its keys, access tokens and names in "
              + "the log. Nothing of it works meanwhile.",
            "To keep it, open the link, or just log in, before the time is over that the page "
              + "has named.",
          ], action: "Keep the account",
          closing: [
            "If you didn't ask for this, keep the account and choose a new password: somebody "
              + "knows yours."
          ])
      // An invitation is the only other one with a link.
      default:
        Words(
          "You are invited",
          ["You are invited to keep the API keys of \(email) there. The link works for a week."],
          action: "Sign up", closing: ignore)
      }
    }

    /// Tells what is the matter with a provider key.
    private static func key(_ order: MailOrder, _ portal: String) -> Words {
      let name = order.about?.name ?? "One of your keys"
      let page = "\(portal)/providers/\(order.about?.id ?? "")"
      return switch order.occasion {
      case .keyQuarantined:
        Words(
          "A key is in quarantine: \(name)",
          [
            "The provider has refused this key many times in a row, so it isn't used any more.",
            "Replace it, or let it be used again: \(page)",
          ])
      case .keyExpired:
        Words(
          "A key has expired: \(name)",
          [
            "The day has come from which you didn't want this key to be used. It is kept.",
            "Replace it, or choose another day: \(page)",
          ])
      default:
        Words(
          "Reminder: \(name)",
          ["You wanted to be reminded of this key today: \(page)"])
      }
    }

    /// Tells what has happened.
    static func notice(_ order: MailOrder, _ portal: String) -> Words {
      let email = order.email.text
      let worry = ["If that wasn't you, choose a new password at once: \(portal)/forgot-password"]
      return switch order.occasion {
      case .addressTaken:
        Words(
          "You have an account already",
          [
            "Somebody wanted to use \(email) for an account, and it has one already.",
            "To log in: \(portal)/log-in. To choose a new password: \(portal)/forgot-password",
          ], closing: ["If that wasn't you, there is nothing to do."])
      case .passwordChanged:
        Words(
          "Your password was changed",
          [
            "The password of \(email) was changed, and other sessions have ended. "
              + "Access tokens still work; revoke those that you don't know."
          ], closing: worry)
      case .addressChangeAsked:
        Words(
          "Your e-mail address is about to change",
          [
            "Another e-mail address was asked for, for the account of \(email). "
              + "It changes as soon as the link is used that went there."
          ], closing: worry)
      case .addressChanged:
        Words(
          "Your e-mail address was changed",
          ["\(email) is no longer the address of your account. Mails go to the new one now."],
          closing: ["If that wasn't you, tell whoever runs the portal at once."])
      case .accountDisabled:
        Words(
          "Your account was disabled",
          ["An admin has shut out the account of \(email). Its keys are kept, and not used."],
          closing: ["Ask whoever runs the portal about it."])
      case .newDevice:
        Words(
          "A new device has logged in",
          ["Somebody has logged in to the account of \(email) from a device that it didn't know."],
          closing: worry)
      case .secondFactorOn:
        Words(
          "Log-in needs a second factor now",
          [
            "From now on, log-in to the account of \(email) needs a code of your authenticator app."
          ],
          closing: worry)
      case .accountKept:
        Words(
          "Your account stays",
          [
            "The account of \(email) was to be deleted, and is kept: somebody has logged in, or "
              + "opened the link of the mail."
          ], closing: worry)
      case .accountDeleted:
        Words(
          "Your account was deleted",
          [
            "The account of \(email) is no more. Its keys were destroyed, its name and address are "
              + "taken out of the log. Providers know nothing of that: revoke keys there that "
              + "nobody needs."
          ])
      case .keyQuarantined, .keyReminder, .keyExpired: key(order, portal)
      default: factorNotice(order, closing: worry)
      }
    }

    /// Tells what has happened to the ways in beside the password.
    private static func factorNotice(_ order: MailOrder, closing worry: [String]) -> Words {
      let email = order.email.text
      return switch order.occasion {
      case .secondFactorOff:
        Words(
          "Your authenticator app was removed",
          ["The authenticator app of the account of \(email) was removed."], closing: worry)
      case .passkeyAdded:
        Words(
          "A passkey was added",
          [
            "A passkey was added to the account of \(email). Whoever has it can log in, and log-in "
              + "by password needs a second factor."
          ], closing: worry)
      case .passkeyRemoved:
        Words(
          "A passkey was removed",
          ["A passkey of the account of \(email) was removed. It lets nobody in any more."],
          closing: worry)
      case .identityLinked:
        Words(
          "A log-in provider was connected",
          ["An account at another site can log in to the account of \(email) from now on."],
          closing: worry)
      case .identityUnlinked:
        Words(
          "A log-in provider was disconnected",
          ["An account at another site can't log in to the account of \(email) any more."],
          closing: worry)
      // The last one without a link.
      default:
        Words(
          "Log-in needs no second factor any more",
          ["An admin has removed the authenticator app and the passkeys of \(email)."],
          closing: ["If you didn't ask for it, tell whoever runs the portal at once."])
      }
    }
  }
}

/// The frame of every mail in HTML: one column, no pictures, no style sheets from elsewhere.
enum LetterTemplate {
  private static let frame = """
    <!doctype html>
    <html lang="en">
    <head><meta charset="utf-8"><title>{title}</title></head>
    <body style="margin:0;padding:24px;background:#f4f4f1;color:#1c1c1a;font:16px/1.5 sans-serif">
    <div style="max-width:560px;margin:0 auto;padding:24px;background:#ffffff">
    <h1 style="margin:0 0 16px;font-size:20px">{title}</h1>
    {body}
    </div>
    </body>
    </html>

    """
  private static let paragraph = #"<p style="margin:0 0 16px">{text}</p>"#
  private static let small = #"<p style="margin:0 0 8px;font-size:14px;color:#55554f">{text}</p>"#
  private static let button = """
    <p style="margin:0 0 16px"><a href="{address}" style="display:inline-block;padding:10px 18px;\
    background:#1f4d3a;color:#ffffff;text-decoration:none">{text}</a></p>
    <p style="margin:0 0 16px;font-size:14px;word-break:break-all">{address}</p>
    """

  static func html(
    title: String, paragraphs: [String], button link: (text: String, address: String)?,
    closing: [String]
  ) -> String {
    var body = paragraphs.map { fill(paragraph, ["text": escape($0)]) }
    if let link {
      body.append(fill(button, ["text": escape(link.text), "address": escape(link.address)]))
    }
    body += closing.map { fill(small, ["text": escape($0)]) }
    return fill(frame, ["title": escape(title), "body": body.joined(separator: "\n")])
  }

  /// Puts values in place of `{name}`, in one pass: what a value holds is never looked at again.
  private static func fill(_ template: String, _ values: [String: String]) -> String {
    var output = ""
    var rest = Substring(template)
    while let opening = rest.utf8.firstIndex(of: UInt8(ascii: "{")),
      let closing = rest[opening...].utf8.firstIndex(of: UInt8(ascii: "}"))
    {
      output += rest[..<opening]
      let name = String(rest[rest.utf8.index(after: opening)..<closing])
      output += values[name] ?? ""
      rest = rest[rest.utf8.index(after: closing)...]
    }
    return output + rest
  }

  /// By scalars: a mark behind a character must not hide it.
  private static func escape(_ text: String) -> String {
    var output = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": output += "&amp;".unicodeScalars
      case "<": output += "&lt;".unicodeScalars
      case ">": output += "&gt;".unicodeScalars
      case "\"": output += "&quot;".unicodeScalars
      case "'": output += "&#39;".unicodeScalars
      default: output.append(scalar)
      }
    }
    return String(output)
  }
}
