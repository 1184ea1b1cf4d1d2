import ArgumentParser
import Cryptography
import Files
import Foundation
import LocalDeployment
import TransparencyLog

/// `chatelaine audit`: reads one's own log, and verifies it without trusting whoever runs it.
struct AuditCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "audit", abstract: "Read and verify your audit log.",
    subcommands: [Query.self, Export.self, Tail.self, Verify.self, NewKey.self])

  struct Verify: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Verify files of entries with their proofs, without a network.",
      discussion: """
        A file is what the portal gives at /api/v1/audit-log/proof. Of several, each must continue \
        the one before: get the later ones with ?since= and the number of entries that the log had \
        then. The log's key is at /log/key; write it down when you begin, and keep it apart.
        Exit status 1 at the first thing that is wrong.
        """)

    @Argument(help: "Files of entries with their proofs; - for standard input.")
    var files: [String]

    @Option(help: "The log's public key, or a file with it.")
    var key: String

    @Option(
      help: """
        All leaves of the log, bundles of /log/tile/entries/ one behind the other: shows that the \
        log has no further entry of the account.
        """)
    var leaves: String?

    func run() throws {
      let key = try logKey()
      var verified: [VerifiedFile] = []
      for file in files { verified.append(try VerifiedFile(file, key: key)) }
      verified.sort { $0.reader.checkpoint.size < $1.reader.checkpoint.size }
      for file in verified { Terminal.print(file.summary) }
      for (old, new) in zip(verified, verified.dropFirst()) {
        Terminal.print(try new.continuation(of: old))
      }
      if let leaves, let newest = verified.last {
        try newest.scan(leaves)
        Terminal.print("\(leaves): are the log's, and hold no other entry of the account")
      }
    }

    private func logKey() throws -> LogKey {
      var text = key
      if FileManager.default.fileExists(atPath: key),
        let contents = try? String(contentsOfFile: key, encoding: .utf8)
      {
        text = contents.trimmingCharacters(in: .whitespacesAndNewlines)
      }
      guard let key = LogKey(text: text) else {
        throw CommandError("--key is not a log's key, name+id+key, and not a file that holds one")
      }
      return key
    }
  }

  struct NewKey: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Make the private key that signs a log, for LOG_SIGNING_KEY_FILE.",
      discussion: "Prints the public key. A file that is there already is left as it is.")

    @Argument(help: "The file to write; only its owner may read it.")
    var file: String

    func run() throws {
      guard !FileManager.default.fileExists(atPath: file) else {
        throw CommandError("\(file) is there already")
      }
      let key = try Ed25519.SigningKey.generate()
      try key.pemRepresentation.withUnsafeBytes { bytes in
        try AtomicFile.write(bytes, to: file, mode: 0o600)
      }
      Terminal.print(LogSigner(key: key)?.publicKey.text ?? "")
    }
  }
}
