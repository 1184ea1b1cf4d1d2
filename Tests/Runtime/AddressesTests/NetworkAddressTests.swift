import Addresses
import Testing

@Suite struct NetworkAddressTests {
  @Test(arguments: [
    ("localhost:0", NetworkAddress(host: "localhost", port: 0)),
    ("192.0.2.1:443", NetworkAddress(host: "192.0.2.1", port: 443)),
    ("[2001:db8::1]:65535", NetworkAddress(host: "2001:db8::1", port: 65_535)),
  ])
  func addressesAreReadAndWritten(_ text: String, _ address: NetworkAddress) {
    #expect(NetworkAddress(text) == address)
    #expect(address.description == text)
  }

  @Test(arguments: [
    "", ":80", "host", "host:", "host:65536", "host:-1", "::1:80", "[host]:80", "a b:80", "h/:80",
    "host\u{301}:80", "host:8\u{301}0",
  ])
  func anythingElseIsNoAddress(_ text: String) {
    #expect(NetworkAddress(text) == nil)
  }
}
