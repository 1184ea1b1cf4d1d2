import Foundation
import LocalDeployment
import Testing

/// `chatelaine up` as a process, with small scripts in place of the services.
@Suite(.timeLimit(.minutes(2))) struct UpTests {
  /// Says where it listens, and yes to every request: `up` asks the gateway whether it is ready.
  private static let service = """
    #!/usr/bin/python3
    import os, signal, socket, sys
    if sys.argv[1:] == ["migrate"]: sys.exit()
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    host, port = os.environ["LISTEN_ADDRESS"].rsplit(":", 1)
    listener = socket.create_server((host, int(port)))
    print("reached at", os.environ.get("PUBLIC_URL"), file=sys.stderr, flush=True)
    ready = os.environ["READY_FILE"]
    with open(ready + ".new", "w") as file:
        file.write("%s:%d" % listener.getsockname())
    os.rename(ready + ".new", ready)
    while True:
        connection, _ = listener.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 200 OK\\r\\nConnection: close\\r\\n\\r\\n{}")

    """

  @Test func oneLineIsPrintedAndInterruptionIsNoFailure() async throws {
    let deployment = try await Deployment(service: Self.service)
    defer { deployment.remove() }
    let address = try #require(await deployment.firstLine())
    #expect(address.hasPrefix("Chatelaine is ready: http://127.0.0.1:"))
    deployment.process.signal(SIGINT)
    #expect(await deployment.process.exit(within: .seconds(60)) == .code(0))
    #expect(deployment.processes().isEmpty)
    let last = await deployment.otherLines()
    #expect(last.contains { $0.contains("stopping; Ctrl-C once more") })
    #expect(last.last?.hasSuffix("stopped") == true)
  }

  @Test func aQuietOneSaysItsAddressAndTellsTheServicesWhereItIsReached() async throws {
    let deployment = try await Deployment(
      service: Self.service, arguments: ["--quiet", "--public-url", "https://keys.example.org"])
    defer { deployment.remove() }
    _ = try #require(await deployment.firstLine())
    deployment.process.signal(SIGINT)
    #expect(await deployment.process.exit(within: .seconds(60)) == .code(0))
    #expect(await deployment.otherLines() == [])
    let log = StateDirectory(deployment.root + "/state").log(of: "gateway")
    #expect(
      try String(contentsOfFile: log, encoding: .utf8)
        .contains("reached at https://keys.example.org"))
  }

  @Test func aStateThatCannotBeKeptIsNamedWithTheWayOn() async throws {
    let deployment = try await Deployment(service: Self.service, state: "/proc/nope")
    defer { deployment.remove() }
    #expect(await deployment.process.exit(within: .seconds(60)) == .code(1))
    let line = try #require(await deployment.firstLine())
    #expect(line.contains("the state can't be kept in /proc/nope: "))
    #expect(line.contains("Choose another directory with --state-dir"))
  }

  @Test func nothingOutlivesASupervisorThatIsKilled() async throws {
    let deployment = try await Deployment(service: Self.service)
    defer { deployment.remove() }
    _ = try #require(await deployment.firstLine())
    #expect(!deployment.processes().isEmpty)
    deployment.process.signal(SIGKILL)
    _ = await deployment.process.exit()
    // The kernel has told them; PostgreSQL writes its last checkpoint first. The suite's time limit
    // ends a wait for one that stays.
    while !deployment.processes().isEmpty { try await Task.sleep(for: .milliseconds(20)) }
  }

  @Test func aServiceThatIsNotBuiltIsNamed() async throws {
    let deployment = try await Deployment(service: nil)
    defer { deployment.remove() }
    #expect(await deployment.process.exit(within: .seconds(60)) == .code(1))
    let line = try #require(await deployment.firstLine())
    #expect(line.contains("/bin/") && line.contains("build the services first"))
  }
}

/// A copy of the program beside stand-in services, running on a state directory of its own.
private struct Deployment {
  let root: String
  let process: ChildProcess
  private let lines: AsyncStream<String>

  /// The state directory is named in the environment, as well as it could be by the option.
  init(service: String?, state: String? = nil, arguments: [String] = []) async throws {
    root = "/tmp/chatelaine-test-\(UUID().uuidString.prefix(8))"
    let files = FileManager.default
    try files.createDirectory(atPath: root + "/bin", withIntermediateDirectories: true)
    let own = try files.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    let built = URL(fileURLWithPath: own).deletingLastPathComponent().path
    let program = try #require(
      ["chatelaine", "ChatelaineCLI"].map { "\(built)/\($0)" }
        .first { files.isExecutableFile(atPath: $0) })
    // Beside itself is where the program looks for the services, so a symbolic link would not do. A
    // copy that is still open for writing in a child of another test couldn't be run.
    do {
      try files.linkItem(atPath: program, toPath: root + "/bin/chatelaine")
    } catch {
      try files.copyItem(atPath: program, toPath: root + "/bin/chatelaine")
    }
    if let service {
      for name in ServiceName.allCases {
        let path = "\(root)/bin/\(name.rawValue)"
        try Data(service.utf8).write(to: URL(fileURLWithPath: path))
        try files.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
      }
    }
    let (lines, continuation) = AsyncStream<String>.makeStream()
    self.lines = lines
    process = try await ChildProcess.spawn(
      Command(
        path: root + "/bin/chatelaine",
        arguments: ["up", "--port", "0"] + arguments,
        // They don't know what a health check is.
        environment: ProcessInfo.processInfo.environment
          .merging([
            "CHATELAINE_HEALTH_WATCH": "off",
            StateDirectory.environmentVariable: state ?? root + "/state",
          ]) { $1 },
        parentDeathSignal: SIGTERM),
      onOutput: { bytes in
        guard let bytes else { return continuation.finish() }
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
          continuation.yield(String(line))
        }
      })
  }

  func firstLine() async -> String? {
    for await line in lines { return line }
    return nil
  }

  /// What is printed until the end.
  func otherLines() async -> [String] {
    await lines.reduce(into: []) { $0.append($1) }
  }

  /// Every process whose command line names a file of this deployment, the supervisor left out.
  func processes() -> [Int32] {
    let entries = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return entries.compactMap(Int32.init).filter { id in
      guard id != process.id, id != getpid(),
        let bytes = FileManager.default.contents(atPath: "/proc/\(id)/cmdline")
      else { return false }
      return String(decoding: bytes, as: UTF8.self).contains(root + "/")
    }
  }

  func remove() { try? FileManager.default.removeItem(atPath: root) }
}
