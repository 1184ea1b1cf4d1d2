import Identity
import Testing

@testable import Auth

@Suite struct AttemptLimitsTests {
  @Test func aNetworkHasTheSharesOfItsCustomers() {
    let rate = AttemptRate(60, per: .seconds(60))
    #expect(
      ClientSource("2001:db8:1:2:3::4").attempts("log-in", rate).map(\.name) == [
        "log-in/from/2001:db8:1:2::/64", "log-in/from/2001:db8:1::/56",
        "log-in/from/2001:db8:1::/48",
      ])
    #expect(
      ClientSource("192.0.2.7").attempts("log-in", rate).map(\.rate.count) == [60, 960])
    #expect(ClientSource("").attempts("log-in", rate).map(\.name) == ["log-in/from/"])
  }

  @Test func theHoldGrowsUpToAnHour() {
    let holds = [9, 10, 11, 12, 15, 16, 17, 1_000_000].map {
      AttemptLimits.hold(afterFailures: $0)
    }
    #expect(holds == [0, 60, 120, 240, 1920, 3600, 3600, 3600].map { .seconds($0) })
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
