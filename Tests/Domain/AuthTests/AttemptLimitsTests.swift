import Identity
import Testing

@testable import Auth

@Suite struct AttemptLimitsTests {
  private let clock = TestClock()

  private func buckets(_ rate: AttemptRate, keysMax: Int = 100) -> TokenBuckets<String> {
    let clock = clock
    return TokenBuckets(rate, keysMax: keysMax, now: { clock.instant })
  }

  @Test func attemptsRunOutAndComeBackSteadily() {
    let buckets = buckets(AttemptRate(3, per: .seconds(60)))
    for _ in 1...3 { #expect(buckets.take("a") == nil) }
    #expect(buckets.take("a") == .seconds(20))
    clock.advance(by: .seconds(15))
    #expect(buckets.take("a") == .seconds(5))
    clock.advance(by: .seconds(5))
    #expect(buckets.take("a") == nil)
    #expect(buckets.take("a") != nil)
  }

  @Test func everyKeyHasItsOwnAttempts() {
    let buckets = buckets(AttemptRate(1, per: .seconds(60)))
    #expect(buckets.take("a") == nil)
    #expect(buckets.take("b") == nil)
    #expect(buckets.take("a") != nil)
  }

  @Test func aKeyInUseIsNotForgottenForManyOthers() {
    let buckets = buckets(AttemptRate(1, per: .seconds(3600)), keysMax: 10)
    #expect(buckets.take("attacked") == nil)
    for number in 0..<1000 {
      _ = buckets.take("passer-by \(number)")
      if number % 4 == 0 { #expect(buckets.take("attacked") != nil) }
    }
  }

  @Test(arguments: [
    ("2001:db8:1:2:3:4:5:6", "2001:0DB8:1:2::9"), ("2001:db8::1", "2001:db8:0:0:ffff::"),
    ("::ffff:192.0.2.1", "192.0.2.1"),
  ])
  func addressesOfOneCustomerAreOneSource(_ one: String, _ other: String) {
    #expect(ClientSource(one) == ClientSource(other))
  }

  @Test(arguments: [
    ("2001:db8:1:2::1", "2001:db8:1:3::1"), ("192.0.2.1", "192.0.2.2"), ("", "::1"),
  ])
  func otherAddressesAreOtherSources(_ one: String, _ other: String) {
    #expect(ClientSource(one) != ClientSource(other))
  }
}
