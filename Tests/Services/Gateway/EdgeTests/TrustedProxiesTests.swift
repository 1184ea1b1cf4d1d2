import Addresses
import Testing

@testable import Edge

@Suite struct TrustedProxiesTests {
  @Test(arguments: [
    // The peer is nobody's proxy: what it says is not believed.
    ("198.51.100.1", ["203.0.113.9"], "198.51.100.1"),
    ("10.0.0.1", [], "10.0.0.1"),
    ("10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
    // The client wrote the left part itself.
    ("10.0.0.1", ["1.2.3.4, 203.0.113.9"], "203.0.113.9"),
    ("10.0.0.1", ["1.2.3.4", "203.0.113.9, 10.0.0.2"], "203.0.113.9"),
    ("10.0.0.1", ["203.0.113.9:4711"], "203.0.113.9"),
    ("10.0.0.1", ["[2001:db8::5]:4711"], "2001:db8::5"),
    ("10.0.0.1", ["203.0.113.9, unknown"], "10.0.0.1"),
    ("::ffff:10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
    // A comma that is half of another character is a comma for the proxy that wrote it.
    ("10.0.0.1", ["9.9.9.9 \u{600}, 203.0.113.9"], "10.0.0.1"),
    ("10.0.0.1", ["9.9.9.9,\u{301} 203.0.113.9"], "10.0.0.1"),
    ("10.0.0.1", ["9.9.9.9\u{2028}, 203.0.113.9"], "10.0.0.1"),
    ("10.0.0.1", ["9.9.9.9 , \t203.0.113.9\t"], "203.0.113.9"),
    ("10.0.0.1", ["203.0.113.9 9.9.9.9"], "10.0.0.1"),
  ])
  func theClientIsTheLastHopThatIsNotOurs(
    peer: String, forwardedFor: [String], client: String
  ) throws {
    let proxies = TrustedProxies([try #require(AddressBlock("10.0.0.0/8"))])
    let peer = try #require(IPAddress(peer))
    #expect(proxies.client(peer: peer, forwardedFor: forwardedFor).description == client)
  }
}
