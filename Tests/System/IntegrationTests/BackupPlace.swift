import Foundation
import LocalDeployment
import NIOHTTP1
import Synchronization
import TestSupport
import Testing

/// A directory with a backup in it and the key that opens it.
final class BackupPlace {
  let path: String
  /// `age1…`
  private(set) var recipient = ""
  var file: String

  init() throws {
    path =
      FileManager.default.temporaryDirectory
      .appendingPathComponent("chatelaine-backup-\(UUID().uuidString.prefix(8))").path
    file = path + "/backup.age"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  static func / (place: BackupPlace, name: String) -> String { place.path + "/" + name }

  func remove() { try? FileManager.default.removeItem(atPath: path) }

  /// Makes a private key in a file of this name; returns its recipient.
  @discardableResult
  func makeIdentity(_ name: String) async throws -> String {
    _ = try await Command(path: "/usr/bin/age-keygen", arguments: ["-o", self / name]).run()
    return try await Command(path: "/usr/bin/age-keygen", arguments: ["-y", self / name]).run()
      .trimmingCharacters(in: .newlines)
  }

  func backUp(
    _ stateDirectory: String, _ arguments: [String] = []
  ) async throws -> (exit: ProcessExit?, output: String) {
    if recipient.isEmpty { recipient = try await makeIdentity("key") }
    return try await RunningStack.runCommand(
      ["backup", file, "--recipient", recipient, "--state-dir", stateDirectory] + arguments)
  }

  func restore(
    to stateDirectory: String, _ arguments: [String] = [], identity: String = "key"
  ) async throws -> (exit: ProcessExit?, output: String) {
    try await RunningStack.runCommand(
      ["restore", file, "--identity", self / identity, "--state-dir", stateDirectory] + arguments)
  }

  func handOverMasterKey(from old: String, to new: String) throws {
    try FileManager.default.copyItem(
      atPath: old + "/secrets/master.key", toPath: new + "/secrets/master.key")
    // Else sessions, access tokens and second factors of the backup would have ended.
    try FileManager.default.copyItem(
      atPath: old + "/secrets/account.key", toPath: new + "/secrets/account.key")
  }

  /// What a command prints that has a terminal, on which somebody types lines.
  func onTerminal(_ command: String, typing lines: String...) async throws -> String {
    let script = "import os, pty, sys\n" + Self.typing
    let process = Command(
      path: "/usr/bin/python3", arguments: ["-c", script, command] + lines,
      environment: ["PATH": "/usr/bin:/bin"])
    return try await process.run()
  }

  /// Types a line whenever it is asked for something.
  private static let typing = """
    command, *lines = sys.argv[1:]
    process, terminal = pty.fork()
    if process == 0: os.execv("/bin/sh", ["sh", "-c", command])
    text = b""
    asked = 0
    while True:
        try: chunk = os.read(terminal, 4096)
        except OSError: break
        if not chunk: break
        text += chunk
        while asked < len(lines) and text.lower().count(b"passphrase") > asked and \\
                text.rstrip().endswith(b":"):
            os.write(terminal, lines[asked].encode() + b"\\n")
            asked += 1
    os.waitpid(process, 0)
    sys.stdout.write(text.decode())
    """
}

/// Somebody whose account, keys and token must survive.
final class Person: Sendable {
  private let address: String
  private let email: String
  private let token: String
  private let session: Session
  private let keyCount = Mutex(0)

  /// One caller at a time: `Portal` is one person's browser.
  private actor Session {
    let portal: Portal
    init(_ portal: sending Portal) { self.portal = portal }

    func addKey(_ label: String, _ baseURL: String) async throws -> Int {
      try await portal.addKey("custom", Person.key, label: label, baseURL: baseURL).status
    }
  }

  private static let key = "sk-canary-of-the-drill-0123456789"
  private let baseURL: String

  init(on address: String, upstream: UpstreamServer) async throws {
    self.address = address
    let portal = Portal(address)
    email = try await portal.signUpAndLogIn("drill")
    token = try await portal.accessToken()
    baseURL = "http://\(upstream.authority)/v1"
    session = Session(portal)
  }

  func addKeys(until isEnough: () -> Bool) async throws {
    while !isEnough() {
      let number = keyCount.withLock { $0 }
      let status = try await session.addKey("key-\(number)", baseURL)
      #expect(status == 201)
      keyCount.withLock { $0 += 1 }
    }
  }

  func waitForKeys(_ count: Int) async throws {
    while keyCount.withLock({ $0 }) < count { try await Task.sleep(for: .milliseconds(5)) }
  }

  /// Signs in, sees keys and log, and uses a key with the token from before.
  func findsEverything(on address: String, upstream: UpstreamServer) async throws {
    let portal = Portal(address)
    #expect(try await portal.logIn(email).status == 201)
    let keys = try await portal.send(.GET, "/api/v1/provider-configs").list("providerConfigs")
    #expect(keys.count >= 10)
    let before = upstream.authorizations.count
    let used = try await Portal(address, bearer: token).send(
      .GET, "/proxy/custom/key-0/v1/models")
    #expect(used.status == 200, "\(used.text)")
    #expect(upstream.authorizations.dropFirst(before).contains { $0.contains(Self.key) })
    let events = try await portal.auditEvents { events in
      let actions = Set(events.compactMap { $0["action"] as? String })
      return actions.isSuperset(of: ["account.create", "provider-config.create"])
        && actions.contains("credential.resolve")
    }
    #expect(events.contains { $0["action"] as? String == "account.create" })
    #expect(events.contains { $0["action"] as? String == "credential.resolve" })
  }
}
