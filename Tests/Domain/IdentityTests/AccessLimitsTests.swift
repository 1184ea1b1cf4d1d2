import Testing

@testable import Identity

/// What access tokens are limited to.
@Suite struct AccessLimitsTests {
  private static let providers = ["openai", "anthropic", "custom"]
  private static let labels = ["default", "team", "home"]
  private static let models = ["gpt-4o", "gpt-4o-mini", "gpt-5", "claude-opus", "g", ""]
  private static let patterns = ["gpt-4o", "gpt-4*", "gpt-4o*", "gpt-*", "claude-opus", "*", "g*"]
  private static let networks = [
    "192.0.2.0/24", "192.0.2.7/32", "192.0.0.0/16", "0.0.0.0/0", "2001:db8::/32",
    "2001:db8:1::/48", "::/0",
  ]
  private static let addresses = [
    "192.0.2.7", "192.0.2.200", "192.0.77.1", "10.0.0.1", "2001:db8::1", "2001:db8:1::1",
    "2001:db9::1", "::ffff:192.0.2.7", "", "nonsense",
  ]

  private static func some<Element>(
    _ all: [Element], _ random: inout some RandomNumberGenerator
  ) -> [Element] {
    all.filter { _ in Int.random(in: 0..<3, using: &random) == 0 }
  }

  private static func limits(_ random: inout some RandomNumberGenerator) -> AccessLimits {
    AccessLimits(
      providers: some(providers, &random), labels: some(labels, &random),
      models: some(patterns, &random), networks: some(networks, &random))
  }

  /// Every use that these allow, of all that there are.
  private static func uses(_ limits: AccessLimits) -> Set<String> {
    Set(
      providers.filter(limits.allow(provider:)).map { "provider \($0)" }
        + labels.filter(limits.allow(label:)).map { "label \($0)" }
        + models.filter(limits.allow(model:)).map { "model \($0)" }
        + addresses.filter(limits.allow(address:)).map { "address \($0)" })
  }

  @Test func whatIsCoveredAllowsNothingMore() {
    var random = SystemRandomNumberGenerator()
    var (coveredCount, otherCount) = (0, 0)
    for _ in 0..<20_000 {
      let (wide, narrow) = (Self.limits(&random), Self.limits(&random))
      guard wide.cover(narrow) else {
        otherCount += 1
        continue
      }
      coveredCount += 1
      #expect(
        Self.uses(narrow).isSubset(of: Self.uses(wide)), "\(wide) doesn't cover \(narrow)")
    }
    // Both happen.
    #expect(coveredCount > 20 && otherCount > 20)
  }

  @Test func everythingCoversItselfAndNothingIsCoveredByAll() {
    var random = SystemRandomNumberGenerator()
    for _ in 0..<2_000 {
      let limits = Self.limits(&random)
      #expect(limits.cover(limits))
      #expect(AccessLimits.none.cover(limits))
      #expect(limits.cover(.none) == limits.areNone)
    }
  }

  @Test func whatIsNarrowedToNothingIsTheSame() {
    var random = SystemRandomNumberGenerator()
    for _ in 0..<2_000 {
      let (parent, asked) = (Self.limits(&random), Self.limits(&random))
      #expect(parent.narrowed(to: .none) == parent)
      let child = parent.narrowed(to: asked)
      if parent.cover(child) { #expect(Self.uses(child).isSubset(of: Self.uses(parent))) }
    }
  }

  @Test func aPatternCoversOnlyWhatBeginsLikeIt() {
    let limits = AccessLimits(models: ["gpt-4o*", "o3"])
    for name in ["gpt-4o", "gpt-4o-mini", "o3"] { #expect(limits.allow(model: name)) }
    for name in ["gpt-4", "GPT-4o", "o3-mini", "", "*"] { #expect(!limits.allow(model: name)) }
    #expect(!AccessLimits(models: ["o3"]).cover(AccessLimits(models: ["o3*"])))
  }

  @Test func anAddressThatIsNotKnownIsInNoNetwork() {
    let limits = AccessLimits(networks: ["0.0.0.0/0"])
    #expect(limits.allow(address: "192.0.2.1"))
    #expect(limits.allow(address: "::ffff:192.0.2.1"))
    #expect(!limits.allow(address: "") && !limits.allow(address: "2001:db8::1"))
  }
}
