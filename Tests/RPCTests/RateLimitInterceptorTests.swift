import RPC
import Synchronization
import Testing

@Suite struct RateLimitInterceptorTests {
  /// A clock that goes when it is told to.
  private final class Clock: Sendable {
    private let time = Mutex(ContinuousClock.now)

    var now: ContinuousClock.Instant { time.withLock { $0 } }

    func advance(by duration: Duration) { time.withLock { $0 = $0.advanced(by: duration) } }
  }

  private let clock = Clock()

  private func interceptor(
    rate: Int = 10, burst: Int = 3, peerCountMax: Int = 100
  ) -> RateLimitInterceptor {
    RateLimitInterceptor(RateLimit(rate: rate, burst: burst), peerCountMax: peerCountMax) {
      [clock] in clock.now
    }
  }

  /// How many of `count` calls pass.
  private func passed(
    _ interceptor: RateLimitInterceptor, _ address: String = "192.0.2.1:1",
    identities: [String] = [], count: Int = 20
  ) async -> Int {
    var passed = 0
    for _ in 0..<count {
      let peer = Peer(address: address, identities: identities)
      if (try? await InterceptorCase.call([interceptor], peer: peer)) != nil { passed += 1 }
    }
    return passed
  }

  @Test func aBurstPassesAndThenTheRate() async {
    let interceptor = interceptor()
    #expect(await passed(interceptor) == 3)
    clock.advance(by: .milliseconds(99))
    #expect(await passed(interceptor) == 0)
    clock.advance(by: .milliseconds(1))
    #expect(await passed(interceptor) == 1)
    clock.advance(by: .milliseconds(200))
    #expect(await passed(interceptor) == 2)
    // An idle peer saves up no more than a burst.
    clock.advance(by: .seconds(3600))
    #expect(await passed(interceptor) == 3)
  }

  @Test func aRefusalSaysWhenToComeBack() async {
    let interceptor = interceptor()
    _ = await passed(interceptor)
    clock.advance(by: .milliseconds(30))
    let error = await #expect(throws: RPCError.self) {
      try await InterceptorCase.call([interceptor], peer: Peer(address: "192.0.2.1:1"))
    }
    #expect(error?.code == .resourceExhausted)
    #expect(error?.details == [.retryInfo(delay: .milliseconds(70))])
  }

  @Test func peersAreToldApartByCertificateThenByAddressWithoutPort() async {
    let interceptor = interceptor()
    #expect(await passed(interceptor, "192.0.2.1:1") == 3)
    #expect(await passed(interceptor, "192.0.2.1:2") == 0)
    #expect(await passed(interceptor, "192.0.2.2:1") == 3)
    #expect(await passed(interceptor, "[2001:db8::1]:1") == 3)
    #expect(await passed(interceptor, "[2001:db8::1]:2") == 0)
    #expect(await passed(interceptor, "[2001:db8::2]:1") == 3)
    #expect(await passed(interceptor, "192.0.2.1:3", identities: ["spiffe://x/a"]) == 3)
    #expect(await passed(interceptor, "192.0.2.9:3", identities: ["spiffe://x/a"]) == 0)
    #expect(await passed(interceptor, "192.0.2.9:3", identities: ["spiffe://x/b"]) == 3)
  }

  @Test func idlePeersMakePlaceForNewOnes() async {
    let interceptor = interceptor(peerCountMax: 2)
    for index in 0..<10 {
      #expect(await passed(interceptor, "192.0.2.\(index):1") == 3)
      clock.advance(by: .seconds(1))
    }
  }

  @Test func aCrowdBeyondTheTableSharesOneBucketAndHarmsNobodyInIt() async {
    let interceptor = interceptor(peerCountMax: 1)
    #expect(await passed(interceptor, "192.0.2.1:1") == 3)
    #expect(await passed(interceptor, "192.0.2.2:1", count: 2) == 2)
    #expect(await passed(interceptor, "192.0.2.3:1") == 1)
    clock.advance(by: .milliseconds(100))
    #expect(await passed(interceptor, "192.0.2.1:1") == 1)
  }

  @Test func limitsThatMakeNoSenseBecomeTheNearestThatDo() async {
    #expect(await passed(interceptor(rate: 0, burst: -1)) == 1)
    #expect(await passed(interceptor(rate: .max, burst: 5)) == 5)
  }
}
