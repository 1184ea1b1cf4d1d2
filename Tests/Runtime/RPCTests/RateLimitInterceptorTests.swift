import NIOCore
import Pacing
import RPC
import Testing

@Suite struct RateLimitInterceptorTests {
  /// A clock that goes when it is told to.
  private final class Clock {
    private(set) var now = NIODeadline.now()

    func advance(by time: TimeAmount) { now = now + time }
  }

  private let clock = Clock()

  private func interceptor(
    rate: Int = 10, burst: Int = 3, peerCountMax: Int = 100
  ) -> RateLimitInterceptor {
    RateLimitInterceptor(RateLimit(rate: rate, burst: burst), peerCountMax: peerCountMax)
  }

  private func call(
    _ interceptor: RateLimitInterceptor, _ address: String, identities: [String] = []
  ) throws {
    try interceptor.callBegins(
      ServerContext(
        method: InterceptorCase.method, metadata: Metadata(), deadline: nil,
        peer: Peer(address: address, identities: identities), started: clock.now))
  }

  /// How many of `count` calls pass.
  private func passed(
    _ interceptor: RateLimitInterceptor, _ address: String = "192.0.2.1:1",
    identities: [String] = [], count: Int = 20
  ) -> Int {
    (0..<count).filter { _ in
      (try? call(interceptor, address, identities: identities)) != nil
    }.count
  }

  @Test func aBurstPassesAndThenTheRate() {
    let interceptor = interceptor()
    #expect(passed(interceptor) == 3)
    clock.advance(by: .milliseconds(99))
    #expect(passed(interceptor) == 0)
    clock.advance(by: .milliseconds(1))
    #expect(passed(interceptor) == 1)
    clock.advance(by: .milliseconds(200))
    #expect(passed(interceptor) == 2)
    // An idle peer saves up no more than a burst.
    clock.advance(by: .seconds(3600))
    #expect(passed(interceptor) == 3)
  }

  @Test func aRefusalSaysWhenToComeBack() {
    let interceptor = interceptor()
    _ = passed(interceptor)
    clock.advance(by: .milliseconds(30))
    let error = #expect(throws: RPCError.self) {
      try call(interceptor, "192.0.2.1:1")
    }
    #expect(error?.code == .resourceExhausted)
    #expect(error?.details == [.retryInfo(delay: .milliseconds(70))])
  }

  @Test func peersAreToldApartByCertificateThenByAddressWithoutPort() {
    let interceptor = interceptor()
    #expect(passed(interceptor, "192.0.2.1:1") == 3)
    #expect(passed(interceptor, "192.0.2.1:2") == 0)
    #expect(passed(interceptor, "192.0.2.2:1") == 3)
    #expect(passed(interceptor, "[2001:db8::1]:1") == 3)
    #expect(passed(interceptor, "[2001:db8::1]:2") == 0)
    #expect(passed(interceptor, "[2001:db8::2]:1") == 3)
    #expect(passed(interceptor, "192.0.2.1:3", identities: ["spiffe://x/a"]) == 3)
    #expect(passed(interceptor, "192.0.2.9:3", identities: ["spiffe://x/a"]) == 0)
    #expect(passed(interceptor, "192.0.2.9:3", identities: ["spiffe://x/b"]) == 3)
  }

  @Test func idlePeersMakePlaceForNewOnes() {
    let interceptor = interceptor(peerCountMax: 2)
    for index in 0..<10 {
      #expect(passed(interceptor, "192.0.2.\(index):1") == 3)
      clock.advance(by: .seconds(1))
    }
  }

  @Test func aCrowdBeyondTheTableSharesOneBucketAndHarmsNobodyInIt() {
    let interceptor = interceptor(peerCountMax: 1)
    #expect(passed(interceptor, "192.0.2.1:1") == 3)
    #expect(passed(interceptor, "192.0.2.2:1", count: 2) == 2)
    #expect(passed(interceptor, "192.0.2.3:1") == 1)
    clock.advance(by: .milliseconds(100))
    #expect(passed(interceptor, "192.0.2.1:1") == 1)
  }

  @Test func limitsThatMakeNoSenseBecomeTheNearestThatDo() {
    #expect(passed(interceptor(rate: 0, burst: -1)) == 1)
    #expect(passed(interceptor(rate: .max, burst: 5)) == 5)
    #expect(passed(interceptor(rate: 0, burst: .max)) == 20)
  }
}
