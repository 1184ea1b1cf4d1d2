import ArgumentParser
import Cryptography
import DotEnv
import Files
import Foundation
import Providers

/// `chatelaine env export`: a person's own keys in a file, in clear.
struct EnvExportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export",
    abstract: "Write your own provider keys to an environment file, in clear.",
    discussion: """
      For whoever moves away, or has a program that can't be pointed at the proxy; \
      `chatelaine run` needs no file. It takes your password, and the code of your second factor \
      if you have one: an access token is not enough. Each key that is shown leaves an entry in \
      your audit log. The file is readable for you only, and no other file is overwritten without \
      --force.

      A key with the label 'default' gets the usual name (OPENAI_API_KEY), another one its label \
      behind it (OPENAI_API_KEY_WORK), an endpoint of one's own LABEL_API_KEY and LABEL_BASE_URL; \
      a base URL stands beside its key. A value that a format has no way to write is said, and \
      nothing is written.

      --format dotenv is read by python-dotenv and `env import`, docker by \
      `docker run --env-file`, sh by the command . of a shell.
      """)

  @Argument(help: "The file to write; - for standard output.")
  var file: String

  @Option(help: "dotenv, docker or sh.")
  var format = EnvironmentFormat.dotenv

  @Option(help: "Only keys of this provider; may be given several times.")
  var provider: [String] = []

  @Option(help: "Your e-mail address, where 'chatelaine login' has not been told.")
  var email: String?

  @Flag(help: "Overwrite a file that is there.")
  var force = false

  @Flag(help: "Don't ask whether keys should be written in clear.")
  var yes = false

  @Flag(help: "Read the password, and a code on the line behind it, from standard input.")
  var passwordStdin = false

  @OptionGroup var location: PortalLocation

  private static let warning =
    "This writes your keys in clear: whoever reads the file has them, and using them leaves no "
    + "entry in the log.\nGo on?"

  func validate() throws {
    for id in provider where ProviderCatalogue.standard.provider(id: id) == nil {
      throw ValidationError("there is no provider '\(id)'")
    }
  }

  func run() throws {
    guard force || file == "-" || access(file, F_OK) != 0 else {
      throw CommandError("\(file) is there already; --force overwrites it")
    }
    let (address, caFile, login) = try location.required()
    guard let email = email ?? login?.email else {
      throw CommandError("whose keys? Name yourself: --email you@example.org")
    }
    guard yes || SecretInput.confirms(Self.warning) else {
      throw CommandError("nothing was written; --yes goes on without asking")
    }
    let session = try PasswordSession(
      PortalConnection(address, caFile: caFile, command: "env export"), email: email,
      passwordStdin ? .standardInput : .terminal)
    let text: [UInt8]
    let count: Int
    do {
      (text, count) = try contents(session)
    } catch {
      session.end()
      throw error
    }
    session.end()
    if file == "-" {
      FileHandle.standardOutput.write(Data(text))
    } else {
      try AtomicFile.write(text, to: file, mode: AtomicFile.modeForOwner)
      Terminal.report("\(count) \(count == 1 ? "key is" : "keys are") in \(file), in clear")
    }
  }

  private func contents(_ session: PasswordSession) throws -> ([UInt8], Int) {
    var names = ExportNames()
    var text: [UInt8] = []
    var count = 0
    for config in try configs(session) {
      let shown = try session.call("POST", "/api/v1/provider-configs/\(config):reveal", [:])
      guard let id = shown["provider"] as? String,
        let known = ProviderCatalogue.standard.provider(id: id)
      else {
        throw CommandError("the portal has a key of a provider that this program doesn't know")
      }
      let label = shown["label"] as? String ?? ""
      let variables = names.names(of: known, label: label)
      let values = [(variables.key, shown["apiKey"]), (variables.address, shown["baseUrl"])]
      for (name, value) in values {
        guard let value = value as? String, !value.isEmpty else { continue }
        let bytes = SecretBytes(utf8: value)
        do {
          text += try bytes.withUnsafeBytes { (bytes) throws(EnvironmentFormat.Failure) in
            try format.line(name, bytes)
          }
        } catch {
          throw CommandError("\(id)/\(label), \(name): \(error); nothing was written")
        }
      }
      count += 1
    }
    guard count > 0 else { throw CommandError("there is no key to export") }
    return (text, count)
  }

  /// Ids, oldest first.
  private func configs(_ session: PasswordSession) throws -> [String] {
    var ids: [String] = []
    try session.pages("/api/v1/provider-configs") { page in
      for config in page["providerConfigs"] as? [[String: Any]] ?? [] {
        guard let id = config["id"] as? String, let of = config["provider"] as? String,
          provider.isEmpty || provider.contains(of)
        else { continue }
        ids.append(id)
      }
      return true
    }
    return ids
  }
}

extension EnvironmentFormat: ExpressibleByArgument {}

/// Names for the variables of an export, no two alike.
struct ExportNames {
  private var taken: Set<String> = []

  /// Those for a key and for the address that it belongs to.
  mutating func names(of provider: Provider, label: String) -> (key: String, address: String) {
    let word = Self.word(provider.id)
    let tag = Self.word(label)
    var key = provider.keyVariables.first ?? "\(tag)_API_KEY"
    var address =
      provider.baseURLVariables.first
      ?? (provider.keyVariables.isEmpty ? "\(tag)_BASE_URL" : "\(word)_BASE_URL")
    if !provider.keyVariables.isEmpty, label != "default" {
      key += "_\(tag)"
      address += "_\(tag)"
    }
    // A variable's name can't begin with a digit.
    if let first = key.utf8.first, (0x30...0x39).contains(first) {
      (key, address) = ("_\(key)", "_\(address)")
    }
    // Labels that differ in punctuation only have the same name.
    let (plainKey, plainAddress) = (key, address)
    var number = 2
    while taken.contains(key) || taken.contains(address) {
      (key, address) = ("\(plainKey)_\(number)", "\(plainAddress)_\(number)")
      number += 1
    }
    taken.formUnion([key, address])
    return (key, address)
  }

  private static func word(_ text: String) -> String {
    String(
      decoding: text.uppercased().utf8.map { byte in
        let isKept = (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte)
        return isKept ? byte : UInt8(ascii: "_")
      }, as: UTF8.self)
  }
}
