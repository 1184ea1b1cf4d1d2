import Foundation

@testable import LocalDeployment

/// Four small programs in place of the services: each notes its starts and ends in a journal,
/// writes its ready file and waits for SIGTERM. The gateway answers `/readyz` too.
struct StandInServices {
  let scratch: ScratchDirectory
  let binaries: String
  let journal: String

  init(_ scratch: ScratchDirectory) throws {
    self.scratch = scratch
    binaries = scratch / "bin"
    journal = scratch / "journal"
    try FileManager.default.createDirectory(
      atPath: binaries, withIntermediateDirectories: true)
    for service in ServiceName.allCases {
      try replace(service, with: service == .gateway ? Self.gateway() : Self.wellBehaved)
    }
  }

  /// Replaces a service's program; takes effect at its next start.
  func replace(
    _ service: ServiceName, with script: String, migrationStatus: Int = 0
  ) throws {
    let text = """
      #!/bin/bash
      name=\(service.rawValue)
      journal=\(journal)
      [ "$1" != migrate ] || { env >> $journal.$name.migration; exit \(migrationStatus); }
      \(script)

      """
    try SecretFile.write(text, to: "\(binaries)/\(service.rawValue)", mode: 0o700)
  }

  static let wellBehaved = """
    trap 'echo "$name ends" >> $journal; exit 0' TERM
    env > $journal.$name.environment
    echo "$name starts" >> $journal
    address=${LISTEN_ADDRESS/%:0/:4$$}
    echo "$address" > $READY_FILE.new && mv $READY_FILE.new $READY_FILE
    while true; do sleep 0.05; done
    """

  /// Answers every request with `status` and `body`.
  static func gateway(
    status: Int = 200, body: String = "{}", ignoringTermination: Bool = false
  ) -> String {
    let hex = body.utf8.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    return """
      env > $journal.$name.environment
      export name journal
      exec python3 -c '
      import os, signal, socket
      name, journal = os.environ["name"], os.environ["journal"]
      def note(event):
          with open(journal, "a") as file: file.write(name + " " + event + chr(10))
      def end(*_):
          note("ends")
          os._exit(0)
      signal.signal(signal.SIGTERM, \(ignoringTermination ? "signal.SIG_IGN" : "end"))
      note("starts")
      address = os.environ["LISTEN_ADDRESS"]
      listener = socket.create_server((address.split(":")[0], int(address.split(":")[1])))
      with open(os.environ["READY_FILE"] + ".new", "w") as file: file.write(address)
      os.rename(os.environ["READY_FILE"] + ".new", os.environ["READY_FILE"])
      body = bytes.fromhex("\(hex)")
      while True:
          connection, _ = listener.accept()
          with connection:
              connection.recv(4096)
              connection.sendall(b"HTTP/1.1 \(status) X\\r\\nConnection: close\\r\\n\\r\\n" + body)
      '
      """
  }

  static let ignoresTermination = """
    trap '' TERM
    echo "127.0.0.1:1" > $READY_FILE
    while true; do sleep 0.05; done
    """

  static let fails = """
    echo "the migration 0001 failed"
    exit 3
    """

  func options(port: Int = 0) -> SupervisorOptions {
    var options = SupervisorOptions(
      state: StateDirectory(scratch / "state"), gatewayPort: port, binaries: binaries,
      environment: [
        "PATH": "/usr/bin:/bin", "LOG_LEVEL": "debug", "OPENAI_API_KEY": "sk-shell",
        "CHATELAINE_ENDPOINT_ALLOWLIST": "127.0.0.1:9", "PGPASSWORD": "shell",
        "DATABASE_URL": "postgresql://shell", "SESSION_MAX_AGE": "1h",
      ])
    options.durability = .relaxedForTests
    options.startTimeout = .seconds(20)
    options.readyTimeout = .seconds(10)
    // Scripts need a shell, and write where the test reads.
    options.separation = .none
    // They answer nothing.
    options.healthWatch = nil
    return options
  }

  var events: [String] {
    let text = (try? String(contentsOfFile: journal, encoding: .utf8)) ?? ""
    return text.split(separator: "\n").map(String.init)
  }

  func environment(of service: ServiceName) throws -> [String: String] {
    let path = "\(journal).\(service.rawValue).environment"
    let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
    let pairs = lines.map { $0.split(separator: "=", maxSplits: 1).map(String.init) }
    return Dictionary(
      pairs.map { ($0[0], $0.count > 1 ? $0[1] : "") }, uniquingKeysWith: { first, _ in first })
  }
}
