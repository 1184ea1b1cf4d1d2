import Foundation
import LocalDeployment
import NIOHTTP1
import Synchronization
import TestSupport
import Testing

/// `chatelaine keys rotate-signing` while the portal is used.
@Suite(.serialized, .timeLimit(.minutes(8))) struct SigningKeyRotationTests {
  private static let path = "/proxy/custom/local/v1/models"

  private func signingFile(of stack: RunningStack) throws -> String {
    try String(
      contentsOfFile: stack.stateDirectory + "/secrets/assertion-signing.pem", encoding: .utf8)
  }

  /// Once with both keys valid for a while, as is usual. Once the former is taken away at once, the
  /// hardest case: what was signed with it is refused, and asked for anew, amid requests.
  @Test func noRequestIsRefusedAndNothingElseChanges() async throws {
    let upstream = try await UpstreamServer.start()
    let stack = try await RunningStack.start(environment: [
      "CHATELAINE_ENDPOINT_ALLOWLIST": upstream.authority, "LOG_INS_PER_MINUTE_PER_ACCOUNT": "1000",
    ])
    let owner = Portal(stack.address)
    let email = try await owner.signUpAndLogIn()
    _ = try await owner.addKey(
      "custom", "sk-0123456789abcdef", label: "local",
      baseURL: "http://\(upstream.authority)/v1")
    let token = try await owner.accessToken()
    let manager = try await owner.accessToken("manager", scopes: ["MANAGE"])
    let address = stack.address
    let before = try signingFile(of: stack)

    let isOver = Flag()
    try await withThrowingTaskGroup(of: [Int].self) { group in
      func use(_ path: String, _ login: @escaping @Sendable () async throws -> Portal) {
        group.addTask {
          let portal = try await login()
          var statuses: [Int] = []
          while !isOver.isSet {
            statuses.append(try await portal.send(.GET, path).status)
            // For minutes, beside other tests.
            try await Task.sleep(for: .milliseconds(20))
          }
          return statuses
        }
      }
      use(Self.path) { Portal(address, bearer: token) }
      use("/api/v1/provider-configs") { Portal(address, bearer: manager) }
      use("/api/v1/audit-events?pageSize=1") {
        let person = Portal(address)
        _ = try await person.logIn(email)
        return person
      }
      for option in [[], ["--drop-former"]] {
        let run = try await RunningStack.runCommand(
          ["keys", "rotate-signing", "--state-dir", stack.stateDirectory] + option,
          timeout: .seconds(200))
        #expect(run.exit == .code(0), "\(run.output)")
        #expect(run.output.contains("retired "), "\(run.output)")
        #expect(!run.output.contains("PRIVATE"))
      }
      isOver.set()
      for try await statuses in group {
        #expect(statuses.count > 20)
        #expect(statuses.allSatisfy { $0 == 200 }, "\(Set(statuses))")
      }
    }
    let after = try signingFile(of: stack)
    #expect(after != before)
    #expect(after.components(separatedBy: "BEGIN PRIVATE KEY").count == 2)

    // Sessions, tokens and the key of accounts have nothing to do with it.
    #expect(try await owner.send(.GET, "/api/v1/me").status == 200)
    #expect(try await Portal(stack.address).logIn(email).status == 201)
    await stack.stop()
    let again = try await RunningStack.start(
      stateDirectory: stack.stateDirectory,
      environment: ["CHATELAINE_ENDPOINT_ALLOWLIST": upstream.authority])
    let reused = Portal(again.address, bearer: token)
    #expect(try await reused.send(.GET, Self.path).status == 200)
    await again.stopAndRemove()
  }

  /// What a rotation that was cut off leaves: two keys, of which the first signs.
  @Test func aRotationThatWasCutOffIsCompletedByTheNext() async throws {
    let stack = try await RunningStack.start()
    let first = try signingFile(of: stack)
    let rotation = try await ChildProcess.spawn(
      Command(
        path: try RunningStack.builtProduct("chatelaine"),
        arguments: ["keys", "rotate-signing", "--state-dir", stack.stateDirectory],
        environment: ProcessInfo.processInfo.environment), onOutput: { _ in })
    try await eventually("two keys are there") {
      try signingFile(of: stack).components(separatedBy: "BEGIN PRIVATE KEY").count == 3
    }
    rotation.signal(SIGKILL)
    _ = await rotation.exit()
    let portal = Portal(stack.address)
    _ = try await portal.signUpAndLogIn()
    let run = try await RunningStack.runCommand([
      "keys", "rotate-signing", "--drop-former", "--state-dir", stack.stateDirectory,
    ])
    #expect(run.exit == .code(0), "\(run.output)")
    let last = try signingFile(of: stack)
    #expect(last.components(separatedBy: "BEGIN PRIVATE KEY").count == 2)
    #expect(!last.contains(first))
    #expect(try await portal.send(.GET, "/api/v1/provider-configs").status == 200)
    await stack.stopAndRemove()
  }
}

/// Set once, by one task for the others.
private final class Flag: Sendable {
  private let state = Mutex(false)
  var isSet: Bool { state.withLock(\.self) }
  func set() { state.withLock { $0 = true } }
}
