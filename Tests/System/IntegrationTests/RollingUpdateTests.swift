import Foundation
import LocalDeployment
import NIOCore
import NIOHTTP1
import Synchronization
import TestSupport
import Testing

/// Every instance of every service is replaced while people and programs go on.
@Suite(.timeLimit(.minutes(30))) struct RollingUpdateTests {
  /// How often every instance is replaced.
  private static let rounds =
    ProcessInfo.processInfo.environment["CHATELAINE_TEST_ROLLING_ROUNDS"].flatMap(Int.init) ?? 1
  private static let path = "/proxy/custom/local/v1/chat/completions"

  @Test func noRequestFailsWhileEveryInstanceIsReplaced() async throws {
    let upstream = try await UpstreamServer.start()
    let stack = try await RunningStack.start(environment: [
      "CHATELAINE_ENDPOINT_ALLOWLIST": upstream.authority
    ])
    let fleet = try await Fleet.start(
      beside: stack, environment: ["SHUTDOWN_DELAY": "1s", "DRAIN_TIMEOUT": "60s"])
    let owner = Portal("http://\(fleet.gateways[0].address)")
    _ = try await owner.signUpAndLogIn()
    _ = try await owner.addKey(
      "custom", "sk-0123456789abcdef", label: "local",
      baseURL: "http://\(upstream.authority)/v1")
    let token = try await owner.accessToken()

    let balancer = TestBalancer(fleet.gateways.map(\.address))
    let load = Load(balancer, token: token, path: Self.path)
    try await withThrowingTaskGroup(of: Void.self) { tasks in
      tasks.addTask { await balancer.run() }
      for _ in 1...4 { tasks.addTask { await load.run() } }
      for _ in 1...Self.rounds {
        for instance in fleet.others {
          instance.signal(SIGTERM)
          #expect(try await instance.startAgain() == .code(0))
        }
        for instance in fleet.gateways {
          let stream = try await load.openStream(to: instance.address)
          instance.signal(SIGTERM)
          async let exit = instance.startAgain()
          _ = try await TestHTTPClient().send(
            .POST, "http://\(upstream.authority)/release/\(instance.address)", headers: [:])
          let text = try await stream.body.collect(upTo: 1 << 16)
          #expect(String(buffer: text).hasSuffix("data: [DONE]\n\n"))
          #expect(try await exit == .code(0))
          await balancer.waitUntilUsed(instance.address)
        }
      }
      tasks.cancelAll()
    }
    let (answered, failures) = load.outcome
    #expect(failures == [])
    #expect(answered > 0)
    if Self.rounds > 1 { print("\(Self.rounds) rounds, \(answered) requests answered") }
    await fleet.stop()
    await stack.stopAndRemove()
  }
}

/// What a load balancer does: asks each gateway whether it is ready, and uses those that are.
private final class TestBalancer: Sendable {
  private struct State {
    var ready: Set<String> = []
    var turn = 0
  }

  private let addresses: [String]
  private let state: Mutex<State>

  init(_ addresses: [String]) {
    self.addresses = addresses
    state = Mutex(State(ready: Set(addresses)))
  }

  /// Looks after the gateways until cancelled.
  func run() async {
    while !Task.isCancelled {
      for address in addresses {
        let answer = try? await TestHTTPClient().send(
          .GET, "http://\(address)/readyz", headers: [:])
        state.withLock { state in
          if answer?.status == .ok {
            state.ready.insert(address)
          } else {
            state.ready.remove(address)
          }
        }
      }
      try? await Task.sleep(for: .milliseconds(50))
    }
  }

  /// The next gateway that is ready.
  func next() -> String? {
    state.withLock { state in
      state.turn += 1
      let ready = addresses.filter(state.ready.contains)
      return ready.isEmpty ? nil : ready[state.turn % ready.count]
    }
  }

  func waitUntilUsed(_ address: String) async {
    while !state.withLock({ $0.ready.contains(address) }) {
      try? await Task.sleep(for: .milliseconds(20))
    }
  }
}

/// Requests that go on until cancelled, and how they ended.
private final class Load: Sendable {
  private struct State {
    var answered = 0
    var failures: [String] = []
  }

  private let balancer: TestBalancer
  private let token: String
  private let path: String
  private let state = Mutex(State())

  init(_ balancer: TestBalancer, token: String, path: String) {
    self.balancer = balancer
    self.token = token
    self.path = path
  }

  var outcome: (answered: Int, failures: [String]) {
    state.withLock { ($0.answered, $0.failures) }
  }

  func run() async {
    while !Task.isCancelled {
      guard let address = balancer.next() else {
        fail("no gateway is ready")
        return
      }
      do {
        let answer = try await send(#"{"model":"test-model","messages":[]}"#, to: address)
        let body = try await answer.body.collect(upTo: 1 << 16)
        if answer.status == .ok {
          state.withLock { $0.answered += 1 }
        } else {
          fail("\(address): \(answer.status) \(String(buffer: body))")
        }
      } catch {
        // Cut off by the end of the test.
        if !Task.isCancelled { fail("\(address): \(error)") }
      }
    }
  }

  /// A stream that goes on when `/release/<address>` is asked for at the provider.
  func openStream(to address: String) async throws -> TestHTTPClient.Answer {
    let answer = try await send(
      #"{"model":"test-model","stream":true,"user":"\#(address)"}"#, to: address)
    #expect(answer.status == .ok)
    return answer
  }

  private func send(_ json: String, to address: String) async throws -> TestHTTPClient.Answer {
    try await TestHTTPClient().send(
      .POST, "http://\(address)\(path)",
      headers: ["authorization": "Bearer \(token)", "content-type": "application/json"],
      body: .bytes(ByteBuffer(string: json)))
  }

  private func fail(_ reason: String) {
    state.withLock { $0.failures.append(reason) }
  }
}
