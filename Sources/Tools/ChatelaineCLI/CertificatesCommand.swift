import ArgumentParser
import Foundation
import LocalDeployment

/// `chatelaine certificates`: the private authority that `init` has made.
struct CertificatesCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "certificates",
    abstract: "Issue, renew and list the services' certificates.",
    discussion: """
      `chatelaine up` does this for its own. Running services take new files into use within ten \
      seconds, by themselves.
      """,
    subcommands: [List.self, Renew.self, Issue.self])

  struct Location: ParsableArguments {
    @Option(help: "Directory that `chatelaine init` has filled.")
    var secretsDir: String

    var store: CertificateStore { CertificateStore(layout: SecretsLayout(secretsDir)) }
  }

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Print identity, serial number and last day of each certificate.")

    @OptionGroup var location: Location

    func run() throws {
      for line in try location.store.list() { Terminal.print(line) }
    }
  }

  struct Renew: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Issue anew what has less than a third of its life left; run it daily.",
      discussion: """
        With --watch it goes on until it is told to end (SIGTERM, Ctrl-C) and looks every day; \
        when that fails it says why and tries again after an hour.
        """)

    @OptionGroup var location: Location

    @Flag(help: "Whatever is left.")
    var all = false

    @Flag(help: "Go on, and look again every day.")
    var watch = false

    func validate() throws {
      guard !(all && watch) else { throw ValidationError("--all is for once, without --watch") }
    }

    func run() async throws {
      if watch {
        let requests = StopRequests()
        requests.observeSignals()
        let watch = CertificateWatch(
          store: location.store, tell: { Terminal.print($0) }, report: { Terminal.report($0) })
        return await watch.run(until: requests)
      }
      let renewed = try location.store.renew(all: all)
      for path in renewed { Terminal.print("renewed \(path)") }
      if renewed.isEmpty { Terminal.print("nothing to do") }
    }
  }

  struct Issue: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Issue a certificate for one more instance of a service.",
      discussion: """
        Writes ca.pem, tls.pem and tls.key into the output directory. The instance has the rights \
        of its service; its name can be denied without denying the others (TLS_DENIED_IDENTITIES).
        """)

    @OptionGroup var location: Location

    @Argument(help: "auth, vault, audit, gateway or operator.")
    var service: String

    @Option(help: "What to call it: spiffe://chatelaine/SERVICE/INSTANCE.")
    var instance: String

    @Option(help: "Directory for the three files.")
    var output: String

    func run() throws {
      try location.store.issue(service: service, instance: instance, to: output)
      Terminal.print("issued \(output)/tls.pem")
    }
  }
}
