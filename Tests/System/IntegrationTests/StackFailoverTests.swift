import Foundation
import LocalDeployment
import NIOHTTP1
import Synchronization
import TestSupport
import Testing

/// The four services on a Patroni cluster, as separate programs with the secrets of `chatelaine
/// init`: its primary dies while people sign up and programs use keys.
@Suite(.timeLimit(.minutes(6))) struct StackFailoverTests {
  @Test func everyAcknowledgedUseHasItsReceiptWhenThePrimaryIsKilled() async throws {
    let cluster = try await PatroniCluster.start()
    do {
      try await killThePrimary(of: cluster)
      await cluster.stop()
    } catch {
      await cluster.stop()
      throw error
    }
  }

  private func killThePrimary(of cluster: PatroniCluster) async throws {
    let place = try BackupPlace()
    defer { place.remove() }
    let upstream = try await UpstreamServer.start()
    let services = try await SeparateServices(
      in: place.path, administratorURL: cluster.administratorURL, upstream: upstream)
    let lost = try await cluster.leader()
    let load = try await FailoverLoad(on: services.portal, upstream: upstream)
    try await withThrowingTaskGroup(of: Void.self) { tasks in
      for user in load.users { tasks.addTask { try await load.use(user) } }
      for _ in 1...2 { tasks.addTask { try await load.signUp() } }
      try await load.waitForUses(200)
      try await cluster.waitForSynchronousReplica()
      let begin = ContinuousClock.now
      lost.signal(SIGKILL)
      var leader = try await cluster.leader()
      while leader.address == lost.address { leader = try await cluster.leader() }
      let takenOver = begin.duration(to: .now)
      let usedAgain = try await load.waitForUses(load.acknowledgedUses + 1)
      let signedUpAgain = try await load.waitForSignUps(load.acknowledgedSignUps + 1)
      try await load.waitForUses(load.acknowledgedUses + 100)
      load.end()
      try await tasks.waitForAll()
      print(
        """
        new leader after \(takenOver), a use after \(begin.duration(to: usedAgain)), a sign-up \
        after \(begin.duration(to: signedUpAgain)); \(load.summary)
        """)
    }
    #expect(load.unexpected == [])
    try await load.findsEveryReceipt()
    services.stop()
  }
}

/// auth, vault, audit and gateway as an operator runs them one by one.
private struct SeparateServices {
  let portal: String
  private let instances: [Instance]

  init(in directory: String, administratorURL: String, upstream: UpstreamServer) async throws {
    let secrets = directory + "/secrets"
    for (arguments, environment) in [
      (["init", "--secrets-dir", secrets], ["ADMIN_DATABASE_URL": administratorURL]),
      (["migrate", "--secrets-dir", secrets], [:]),
    ] {
      let run = try await RunningStack.runCommand(arguments, environment: environment)
      try #require(run.exit == .code(0), "\(run.output)")
    }
    let host = "127.\(Int.random(in: 1...254)).\(Int.random(in: 1...254)).78"
    func start(_ service: String, _ variables: [String: String]) async throws -> Instance {
      let own = "\(secrets)/\(service)"
      let environment = [
        "READY_FILE": "\(directory)/\(service).ready", "TLS_CERTIFICATE_FILE": own + "/tls.pem",
        "TLS_PRIVATE_KEY_FILE": own + "/tls.key", "TLS_CA_FILE": own + "/ca.pem",
        "LOG_LEVEL": "error",
      ]
      return try await Instance(
        service, environment.merging(variables) { $1 }, in: directory, host: host)
    }
    func database(_ service: String) -> [String: String] {
      ["DATABASE_URL_FILE": "\(secrets)/\(service)/database-url"]
    }
    func verifier(_ service: String) -> [String: String] {
      ["ASSERTION_PUBLIC_KEYS_FILE": "\(secrets)/\(service)/assertion-public.pem"]
    }
    let audit = try await start("audit", database("audit").merging(verifier("audit")) { $1 })
    let auditAddress = ["AUDIT_ADDRESS": audit.address]
    let vault = try await start(
      "vault",
      auditAddress.merging(database("vault")) { $1 }.merging(verifier("vault")) { $1 }.merging([
        "ENCRYPTION_MASTER_KEY_FILE": "\(secrets)/vault/master.key"
      ]) { $1 })
    let auth = try await start(
      "auth",
      auditAddress.merging(database("auth")) { $1 }.merging([
        "VAULT_ADDRESS": vault.address,
        "ASSERTION_SIGNING_KEY_FILE": "\(secrets)/auth/assertion-signing.pem",
        "SIGN_UPS_PER_HOUR_PER_CLIENT": "100000", "LOG_INS_PER_MINUTE_PER_CLIENT": "100000",
      ]) { $1 })
    let gateway = try await start(
      "gateway",
      auditAddress.merging([
        "AUTH_ADDRESS": auth.address, "VAULT_ADDRESS": vault.address,
        "PUBLIC_URL": "http://localhost", "CHATELAINE_ENDPOINT_ALLOWLIST": upstream.authority,
      ]) { $1 })
    instances = [gateway, vault, auth, audit]
    portal = "http://\(gateway.address)"
  }

  func stop() { for instance in instances { instance.signal(SIGKILL) } }
}

/// People and programs, what they were answered and how long that took.
private final class FailoverLoad: Sendable {
  struct User: Sendable {
    let email: String
    let token: String
  }

  private struct State {
    var uses: [String: Int] = [:]
    var signUps: [String] = []
    var failures: [Int: Int] = [:]
    var unexpected: [String] = []
    var longest = Duration.zero
    var hasEnded = false

    var useCount: Int { uses.values.reduce(0, +) }
  }

  let users: [User]
  private let address: String
  private let state = Mutex(State())

  init(on address: String, upstream: UpstreamServer) async throws {
    self.address = address
    var users: [User] = []
    for _ in 1...4 {
      let portal = Portal(address)
      let email = try await portal.signUpAndLogIn("failover")
      let added = try await portal.addKey(
        "custom", "sk-failover-0123456789", label: "local",
        baseURL: "http://\(upstream.authority)/v1")
      try #require(added.status == 201, "\(added.text)")
      users.append(User(email: email, token: try await portal.accessToken()))
    }
    self.users = users
  }

  var acknowledgedUses: Int { state.withLock(\.useCount) }
  var acknowledgedSignUps: Int { state.withLock { $0.signUps.count } }
  /// Answers that say neither yes nor that it may work later.
  var unexpected: [String] { state.withLock(\.unexpected) }
  var summary: String {
    state.withLock { state in
      let failures = state.failures.sorted { $0.key < $1.key }.map { "\($0.value) x \($0.key)" }
      return "\(state.useCount) uses and \(state.signUps.count) sign-ups acknowledged, "
        + "\(failures.isEmpty ? "none" : failures.joined(separator: ", ")) refused, "
        + "nobody waited longer than \(state.longest)"
    }
  }

  func end() { state.withLock { $0.hasEnded = true } }

  func use(_ user: User) async throws {
    let program = Portal(address, bearer: user.token)
    try await load {
      try await program.send(.GET, "/proxy/custom/local/v1/models")
    } acknowledged: { state in
      state.uses[user.email, default: 0] += 1
    }
  }

  func signUp() async throws {
    while !state.withLock(\.hasEnded) {
      let email = "failover-\(UUID().uuidString.lowercased())@example.org"
      try await load(times: 1) {
        try await Portal(self.address).send(
          .POST, "/api/v1/accounts", json: ["email": email, "password": Portal.password])
      } acknowledged: { state in
        state.signUps.append(email)
      }
    }
  }

  private func load(
    times: Int = .max, _ request: () async throws -> Portal.Answer,
    acknowledged: (inout State) -> Void
  ) async throws {
    var count = 0
    while count < times, !state.withLock(\.hasEnded) {
      count += 1
      let begin = ContinuousClock.now
      let answer = try await request()
      state.withLock { state in
        state.longest = max(state.longest, begin.duration(to: .now))
        switch answer.status {
        case 200, 201: acknowledged(&state)
        case 502...504: state.failures[answer.status, default: 0] += 1
        default: state.unexpected.append("\(answer.status): \(answer.text)")
        }
      }
      // Nothing to be had: not as fast as possible.
      if answer.status >= 500 { try await Task.sleep(for: .milliseconds(20)) }
    }
  }

  /// - Returns: when it was so.
  @discardableResult
  func waitForUses(_ count: Int) async throws -> ContinuousClock.Instant {
    while acknowledgedUses < count { try await Task.sleep(for: .milliseconds(5)) }
    return .now
  }

  func waitForSignUps(_ count: Int) async throws -> ContinuousClock.Instant {
    while acknowledgedSignUps < count { try await Task.sleep(for: .milliseconds(5)) }
    return .now
  }

  /// As the people themselves: everybody who was told so has an account, and a receipt in the log
  /// for each use that was answered.
  func findsEveryReceipt() async throws {
    for user in users {
      let portal = Portal(address)
      #expect(try await portal.logIn(user.email).status == 201)
      let uses = state.withLock { $0.uses[user.email] ?? 0 }
      var found = 0
      let limit = ContinuousClock.now + .seconds(60)
      repeat {
        found = try await Self.receipts(portal)
      } while found < uses && .now < limit
      #expect(found >= uses, "\(uses) uses were acknowledged, \(found) have a receipt")
    }
    for email in state.withLock({ $0.signUps.suffix(40) }) {
      #expect(try await Portal(address).logIn(email).status == 201)
    }
  }

  private static func receipts(_ portal: Portal) async throws -> Int {
    var count = 0
    var token = ""
    repeat {
      let page = try await portal.send(
        .GET, "/api/v1/audit-events?pageSize=200&action=credential.resolve&pageToken=\(token)")
      count += page.list("events").count { $0["outcome"] as? String == "SUCCESS" }
      token = page.string("nextPageToken")
    } while !token.isEmpty
    return count
  }
}
