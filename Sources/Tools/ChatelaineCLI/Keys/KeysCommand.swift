import ArgumentParser
import Cryptography
import Foundation
import LocalDeployment
import RPC
import ServiceAPI

/// `chatelaine keys`: the master key that everything is sealed under, and the key that signs
/// assertions.
struct KeysCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "keys",
    abstract: "Look after the master key and auth's signing key: status, rotation, verification.",
    discussion: """
      A rotation goes on while the portal is used, may be cut off anywhere and gone on with by \
      `chatelaine keys resume`, and can be taken back by `chatelaine keys rollback` until the old \
      key is retired. Exit status: 0 when all rows were done, 3 when some don't open.
      """,
    subcommands: [
      Status.self, Rotate.self, Resume.self, Verify.self, Rollback.self, Retire.self,
      RotateSigning.self,
    ])

  /// Something was left undone.
  static let partlyStatus = ExitCode(3)

  struct Status: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Print which master keys are needed, who holds them, and a rotation under way.")

    @OptionGroup var location: KeyLocation
    @OptionGroup var output: KeyOutput

    func run() async throws {
      try await location.withSession { session in
        let status = try await session.status()
        for line in KeyReport(status).lines(asJSON: output.json) { Terminal.print(line) }
      }
    }
  }

  struct Rotate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Bring everything under a new master key, and verify it.",
      discussion: """
        Makes a random key, puts it into the key file behind the old one, waits until every \
        running vault holds it, puts it first, and has all data keys wrapped with it. The old key \
        stays in the file, and opens backups, until `chatelaine keys retire`.
        """)

    @OptionGroup var location: KeyLocation
    @OptionGroup var output: KeyOutput
    @OptionGroup var pace: KeyPace

    @Flag(help: "Only print what would be done.")
    var plan = false

    @Flag(help: "Also give each user a new data key and seal every stored key with it.")
    var reseal = false

    func run() async throws {
      try await location.withSession { session in
        let rotation = KeyRotationCommand(session: session, output: output, pace: pace)
        if plan { return try await rotation.printPlan(reseal: reseal) }
        try await rotation.rotate(reseal: reseal)
      }
    }
  }

  struct Resume: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Go on with a rotation that was cut off.")

    @OptionGroup var location: KeyLocation
    @OptionGroup var output: KeyOutput
    @OptionGroup var pace: KeyPace

    func run() async throws {
      try await location.withSession { session in
        try await KeyRotationCommand(session: session, output: output, pace: pace).resume()
      }
    }
  }

  struct Verify: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Open every stored key, former ones too, and say which don't open.")

    @OptionGroup var location: KeyLocation
    @OptionGroup var output: KeyOutput

    func run() async throws {
      try await location.withSession { session in
        try await KeyRotationCommand(session: session, output: output, pace: KeyPace()).verify()
      }
    }
  }

  struct Rollback: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Bring everything back under the master key before the current one.")

    @OptionGroup var location: KeyLocation
    @OptionGroup var output: KeyOutput
    @OptionGroup var pace: KeyPace

    func run() async throws {
      try await location.withSession { session in
        try await KeyRotationCommand(session: session, output: output, pace: pace).rollback()
      }
    }
  }

  struct Retire: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Take the former master keys out of use, when nothing needs them any more.",
      discussion: """
        Backups from before the rotation open with the former keys only: keep these, away from the \
        backups, for as long as you keep such backups.
        """)

    @OptionGroup var location: KeyLocation

    @Option(help: "Put the former keys into this new file, readable by you only.")
    var export: String?

    @Flag(help: "Destroy the former keys.")
    var destroy = false

    func validate() throws {
      guard (export != nil) != destroy else {
        throw ValidationError("say what becomes of the former keys: --export FILE or --destroy")
      }
    }

    func run() async throws {
      try await location.withSession { session in
        try await session.retire(exportingTo: export)
      }
    }
  }
}

/// Where the key file and the vault are.
struct KeyLocation: ParsableArguments {
  @Option(help: "Directory of the deployment's state.")
  var stateDir: String?

  @Option(help: "Directory that `chatelaine init` has filled, instead of --state-dir.")
  var secretsDir: String?

  @Option(help: "host:port of a vault, with --secrets-dir.")
  var vault = "vault:8443"

  func validate() throws {
    guard stateDir == nil || secretsDir == nil else {
      throw ValidationError("--state-dir and --secrets-dir exclude each other")
    }
  }

  /// Runs `body` with a connection to the vault.
  func withSession(_ body: (KeySession) async throws -> Void) async throws {
    let session = try KeySession(self)
    do {
      try await body(session)
    } catch {
      await session.close()
      throw error
    }
    await session.close()
  }
}

/// How results are printed.
struct KeyOutput: ParsableArguments {
  @Flag(help: "One JSON object a line.")
  var json = false
}

/// How fast rows are worked on.
struct KeyPace: ParsableArguments {
  @Option(name: .customLong("rate"), help: "Rows a second at most; 0 sets no limit.")
  var rowsPerSecond = 0

  func validate() throws {
    guard (0...1_000_000).contains(rowsPerSecond) else {
      throw ValidationError("--rate must be 0 to 1000000")
    }
  }
}
