import Testing

@testable import Edge

@Suite struct FieldTextTests {
  @Test(arguments: [
    ("client-ip", true), ("x-azure-clientip", true), ("fastly-client-ip", true), ("ip", false),
    ("client-i", false), ("", false), ("cclient-ipp", true), ("clienclient-ip", true),
  ])
  func severalWordsAreLookedForAtOnce(text: String, isFound: Bool) {
    #expect(TextSearch(["client-ip", "clientip"]).finds(in: text) == isFound)
  }
}
