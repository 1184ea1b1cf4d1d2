import Foundation
import LocalDeployment
import Synchronization
import TestSupport

/// Several instances of each service on the database, keys and certificates of one stack, whose own
/// services have nothing to do then.
///
/// They listen on an address of 127.0.0.0/8 that nobody else uses: an instance that is started
/// again finds its port free, whatever else runs on this machine.
struct Fleet {
  private static let host = "127.\(Int.random(in: 1...254)).\(Int.random(in: 1...254)).77"

  let gateways: [Instance]
  let others: [Instance]
  var all: [Instance] { others + gateways }

  /// - Parameter environment: of the gateways, beside what the stack's own has.
  static func start(
    beside stack: RunningStack, environment: [String: String] = [:]
  ) async throws -> Fleet {
    let audit = try await instances(2, of: "audit", beside: stack, [:])
    let auditAddress = ["AUDIT_ADDRESS": addresses(audit)]
    let auth = try await instances(2, of: "auth", beside: stack, auditAddress)
    let vault = try await instances(2, of: "vault", beside: stack, auditAddress)
    var variables = environment.merging(auditAddress) { $1 }
    variables["AUTH_ADDRESS"] = addresses(auth)
    variables["VAULT_ADDRESS"] = addresses(vault)
    return Fleet(
      gateways: try await instances(3, of: "gateway", beside: stack, variables),
      others: auth + vault + audit)
  }

  func stop() async {
    for instance in all { instance.signal(SIGKILL) }
  }

  private static func addresses(_ instances: [Instance]) -> String {
    instances.map(\.address).joined(separator: ", ")
  }

  /// - Parameter variables: beside the environment of the stack's own process of that service.
  static func instances(
    _ count: Int, of service: String, beside stack: RunningStack, _ variables: [String: String]
  ) async throws -> [Instance] {
    let running = try children(of: stack.processID, named: service).first
    guard let running else { throw InstanceError.hasNoModel(service) }
    // Its files are named from there.
    let directory = try FileManager.default.destinationOfSymbolicLink(
      atPath: "/proc/\(running)/cwd")
    var environment: [String: String] = [:]
    let entries = try Data(contentsOf: URL(fileURLWithPath: "/proc/\(running)/environ"))
    for entry in entries.split(separator: 0) {
      let parts = String(decoding: entry, as: UTF8.self).split(separator: "=", maxSplits: 1)
      if parts.count == 2 { environment[String(parts[0])] = String(parts[1]) }
    }
    environment.merge(variables) { $1 }
    var instances: [Instance] = []
    for _ in 1...count {
      environment["READY_FILE"] =
        "\(stack.stateDirectory)/run/\(service)-\(UUID().uuidString).ready"
      instances.append(try await Instance(service, environment, in: directory, host: host))
    }
    return instances
  }
}

/// One process of a service that is started again where it was.
final class Instance: Sendable {
  private static let startTimeout: Duration = .seconds(60)
  private static let stopTimeout: Duration = .seconds(60)

  let service: String
  /// `host:port`.
  let address: String
  /// `host:port` of the first process's listener for its operator.
  let adminAddress: String?
  private let environment: [String: String]
  private let directory: String
  private let process: Mutex<ChildProcess>

  init(
    _ service: String, _ environment: [String: String], in directory: String, host: String
  ) async throws {
    var environment = environment
    environment["LISTEN_ADDRESS"] = "\(host):0"
    self.service = service
    self.directory = directory
    let (first, listeners) = try await Self.launch(service, environment, in: directory)
    guard let address = listeners.first else { throw InstanceError.hasNoModel(service) }
    environment["LISTEN_ADDRESS"] = address
    self.address = address
    adminAddress = listeners.first { $0.hasPrefix("admin ") }.map { String($0.dropFirst(6)) }
    self.environment = environment
    process = Mutex(first)
  }

  func signal(_ number: Int32) {
    process.withLock(\.self).signal(number)
  }

  /// How the process ended; nil when it goes on for too long.
  func exit() async -> ProcessExit? {
    await process.withLock(\.self).exit(within: Self.stopTimeout)
  }

  /// Waits for the process that was told to end, and starts another.
  ///
  /// - Returns: how the first ended.
  func startAgain() async throws -> ProcessExit? {
    let exit = await exit()
    let (next, _) = try await Self.launch(service, environment, in: directory)
    process.withLock { $0 = next }
    return exit
  }

  /// The process, and the lines of its ready file: its address, then its other listeners.
  private static func launch(
    _ service: String, _ environment: [String: String], in directory: String
  ) async throws -> (ChildProcess, [String]) {
    let readyFile = environment["READY_FILE"] ?? ""
    try? FileManager.default.removeItem(atPath: readyFile)
    let output = Transcript()
    let process = try await ChildProcess.spawn(
      Command(
        path: try RunningStack.builtProduct(service), environment: environment,
        workingDirectory: directory, parentDeathSignal: SIGTERM),
      onOutput: { output.append($0) })
    let limit = ContinuousClock.now.advanced(by: startTimeout)
    while process.exitIfEnded == nil, .now < limit {
      if let text = try? String(contentsOfFile: readyFile, encoding: .utf8), text.hasSuffix("\n") {
        return (process, text.split(separator: "\n").map(String.init))
      }
      try await Task.sleep(for: .milliseconds(20))
    }
    process.signal(SIGKILL)
    throw InstanceError.didNotStart(service, output.text)
  }
}

private enum InstanceError: Error {
  case hasNoModel(String)
  case didNotStart(String, String)
}
