import ArgumentParser
import Foundation
import LocalDeployment
import Providers

/// `chatelaine up`: everything on this machine, in the foreground.
struct UpCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "up",
    abstract: "Run a whole deployment on this machine, in the foreground.",
    discussion: """
      Makes what is missing in the state directory (database cluster, certificates, keys), starts \
      the services and prints one line with the portal's address. Ctrl-C drains and stops \
      everything, the database last; a second Ctrl-C stops at once.

      The portal listens on 127.0.0.1 only. Others reach it through a reverse proxy, whose address \
      --public-url names (docs/reverse-proxies.md).

      A service that no longer answers is killed and started again. With \
      CHATELAINE_HEALTH_WATCH=off it is left alone, for whoever stops it on purpose.
      """)

  @OptionGroup var location: StateLocation

  @Option(
    parsing: .unconditional,
    help: "Port of the portal on 127.0.0.1; 0 lets the system choose.")
  var port = SupervisorOptions.gatewayPortDefault

  @Option(
    name: .customLong("public-url"),
    help: "Where people reach the portal, e.g. https://keys.example.org; else PUBLIC_URL.")
  var publicURL: String?

  @Flag(help: "Print the portal's address and nothing else but failures.")
  var quiet = false

  /// What whoever runs more than a trial should know.
  private static let oneUser =
    "all services run as the user who started this, and each could read the others' secrets: this "
    + "kernel has no Landlock (Linux 5.13). Started by root, each gets a user of its own; "
    + "DEPLOYMENT.md has more ways"

  private static let watchVariable = "CHATELAINE_HEALTH_WATCH"

  func validate() throws {
    guard (0...65_535).contains(port) else {
      throw ValidationError("--port must be a number from 0 to 65535")
    }
  }

  func run() async throws {
    signal(SIGPIPE, SIG_IGN)
    let requests = StopRequests()
    requests.observeSignals()
    var options = SupervisorOptions(
      state: location.state, gatewayPort: port, binaries: try SupervisorOptions.ownDirectory())
    switch options.environment[Self.watchVariable] {
    case nil, "", "on": break
    case "off": options.healthWatch = nil
    case _?: throw CommandError("\(Self.watchVariable) must be on or off")
    }
    if let publicURL { options.environment["PUBLIC_URL"] = publicURL }
    let lent = options.environment[OperatorKeyVariables.setting] ?? ""
    options.operatorKeys = OperatorKeyVariables.all(listedIn: lent, catalogue: .standard)
    let mailDirectory = options.mailDirectory
    let supervisor = try Supervisor(
      options,
      announce: { line in
        Terminal.print(line)
        guard !quiet else { return }
        if let mailDirectory {
          Terminal.report(
            "mails end in \(mailDirectory), as no SMTP_URL is set; read them with: "
              + "chatelaine mail list")
        }
        if Separation.current == .none { Terminal.report(Self.oneUser) }
      }, report: { Terminal.report($0) })
    // Beside the run, which says nothing itself while it drains.
    let notice = Task {
      await requests.wait(for: 1)
      if !Task.isCancelled, !quiet { Terminal.report("stopping; Ctrl-C once more stops at once") }
    }
    defer { notice.cancel() }
    try await supervisor.run(until: requests)
    if !quiet { Terminal.report("stopped") }
  }
}
