import ArgumentParser
import Cryptography
import Foundation
import Identity

/// `chatelaine login`: gives this machine a person's own credential.
struct LogInCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "login",
    abstract: "Log in to a portal with an access token of yours.",
    discussion: """
      Prints the page of the portal on which you make the token, and takes it from the terminal, \
      which doesn't show it, or from standard input when that is no terminal. It is checked at the \
      portal and kept in chatelaine/login.json below XDG_CONFIG_HOME (~/.config), for you alone.

      `run` needs a token that may use your keys; to find out which you have, it must be \
      allowed to change them too (`use manage`), else name them with --provider. `audit query` \
      needs one that may read the log.
      """)

  /// As the page's form has them.
  enum Scopes: String, ExpressibleByArgument, CaseIterable {
    case use
    case useManage = "use manage"
    case useReadAudit = "use read-audit"
    case manage
    case readAudit = "read-audit"
    case all
  }

  /// As the page's form has them; 0 is a token that lives until it is revoked.
  static let daysOffered = [7, 30, 90, 365, 0]

  @OptionGroup var location: PortalLocation

  @Option(help: "What the page offers the token to be allowed: use, 'use manage', …, all.")
  var scopes = Scopes.all

  @Option(help: "For how many days the page offers it: 7, 30, 90, 365, or 0 until it is revoked.")
  var days = 90

  @Flag(help: "Open the page, by xdg-open, as well as printing it.")
  var browser = false

  func validate() throws {
    guard Self.daysOffered.contains(days) else {
      throw ValidationError("--days must be one of \(Self.daysOffered)")
    }
  }

  func run() throws {
    let (address, caFile, _) = try location.required()
    let input = SecretInput.usual
    if input == .terminal {
      let page = page(of: address)
      Terminal.report("make an access token on this page, and paste it here:\n\n  \(page)\n")
      if browser { try Self.open(page) }
    }
    let token = try input.line("Access token")
    guard token.withUTF8String({ $0.hasPrefix(AccessTokenText.prefix) }) else {
      throw CommandError("that is no access token: they begin with \(AccessTokenText.prefix)")
    }
    let session = try PersonSession(address, caFile: caFile, token: token, command: "login")
    guard let email = try session.call("GET", "/api/v1/me")["email"] as? String else {
      throw CommandError("what answers at \(address) is no portal of this version")
    }
    try StoredLogin(portal: address, email: email, token: token, caFile: caFile).write()
    Terminal.print(
      "logged in to \(address) as \(Terminal.printable(email)); 'chatelaine logout' ends it")
  }

  private func page(of address: PortalAddress) -> String {
    let query = QueryText.query([
      ("name", "chatelaine on \(ProcessInfo.processInfo.hostName)"), ("scopes", scopes.rawValue),
      ("expiresIn", days == 0 ? "" : "\(days)"),
    ])
    return "\(address)/access-tokens\(query)"
  }

  private static func open(_ page: String) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["xdg-open", page]
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    do { try process.run() } catch { Terminal.report("xdg-open did not start: \(error)") }
  }
}

/// `chatelaine logout`: ends what `login` began.
struct LogOutCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "logout",
    abstract: "Revoke the access token of this machine's log-in, and forget it.",
    discussion: "What was derived from the token ends with it, runs that are under way included.")

  @Flag(help: "Forget the log-in also where the portal can't be asked to revoke its token.")
  var force = false

  func run() throws {
    guard let login = try StoredLogin.read() else {
      Terminal.print("nobody is logged in")
      return
    }
    do {
      let session = try PersonSession(
        login.portal, caFile: login.caFile, token: login.token, command: "logout")
      _ = try session.call("DELETE", "/api/v1/access-tokens/current")
    } catch let problem as PortalProblem where problem.status == 401 {
      // It has ended already.
    } catch {
      guard force else {
        throw CommandError("\(error); to forget the log-in all the same: chatelaine logout --force")
      }
      Terminal.report("the access token is not revoked: \(error)")
    }
    try StoredLogin.remove()
    Terminal.print("logged out of \(login.portal)")
  }
}
