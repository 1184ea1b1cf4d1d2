import Addresses
import Testing

@Suite struct IPAddressTests {
  /// Most are RFC 5952's own.
  @Test(arguments: [
    ("192.0.2.1", "192.0.2.1"), ("0.0.0.0", "0.0.0.0"), ("255.255.255.255", "255.255.255.255"),
    ("2001:0db8::0001", "2001:db8::1"), ("2001:db8:0:0:0:0:2:1", "2001:db8::2:1"),
    ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"), ("2001:0:0:1:0:0:0:1", "2001:0:0:1::1"),
    ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"), ("2001:DB8::A", "2001:db8::a"),
    ("::", "::"), ("0:0:0:0:0:0:0:0", "::"), ("::1", "::1"), ("1::", "1::"),
    ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"), ("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"),
    ("::ffff:192.0.2.1", "::ffff:c000:201"), ("64:ff9b::192.0.2.33", "64:ff9b::c000:221"),
    ("1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"),
  ])
  func anyFormIsReadAndOneIsWritten(_ text: String, _ canonical: String) throws {
    let address = try #require(IPAddress(text))
    #expect(address.description == canonical)
    #expect(IPAddress(canonical) == address)
    #expect(IPAddress(bytes: address.bytes) == address)
    #expect(address.bytes.count == (text.contains(":") ? 16 : 4))
  }

  @Test(arguments: [
    "", " ", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.", "+1.2.3.4", "0x7f.0.0.1",
    "2130706433", "1.2.3.4 ", "1.2.3.4\0", "1.2.3.4/8", ":", ":::", "1:2:3:4:5:6:7", "1::2::3",
    "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8", "12345::", "g::", "[::1]",
    "fe80::1%eth0", "1.2.3.4::", "::1.2.3.4:5", "1:2:3:4:5:6:7:1.2.3.4", ":1::", "::1:", "-1::",
    "::+1", "::1\u{301}", ":\u{301}:1", "1\u{301}.2.3.4", "1.2.3.4\u{301}", "١.2.3.4",
  ])
  func nothingElseIsRead(_ text: String) {
    #expect(IPAddress(text) == nil)
  }

  @Test func bytesAreFourOrSixteen() {
    for count in 0...17 {
      let address = IPAddress(bytes: [UInt8](repeating: 1, count: count))
      #expect((address != nil) == [4, 16].contains(count))
    }
    #expect(IPAddress(bytes: [127, 0, 0, 1])?.description == "127.0.0.1")
  }

  @Test func aMappedAddressIsItsIPv4Address() throws {
    let mapped = try #require(IPAddress("::ffff:192.0.2.9"))
    #expect(mapped.unmapped.description == "192.0.2.9")
    #expect(mapped != mapped.unmapped)
    for other in ["2001:db8::9", "::192.0.2.9", "::1:ffff:192.0.2.9", "192.0.2.9"] {
      let address = try #require(IPAddress(other))
      #expect(address.unmapped == address)
    }
  }

  @Test(arguments: [
    ("2001:db8:1:2:3:4:5:6", 64, "2001:db8:1:2::"), ("192.0.2.255", 25, "192.0.2.128"),
    ("192.0.2.1", 0, "0.0.0.0"), ("192.0.2.1", 32, "192.0.2.1"), ("::1", 0, "::"),
    ("::1", 128, "::1"), ("192.0.2.1", 64, "192.0.2.1"), ("192.0.2.1", -1, "0.0.0.0"),
  ])
  func aNetworkKeepsTheFirstBits(_ text: String, _ bits: Int, _ network: String) throws {
    #expect(try #require(IPAddress(text)).network(prefixBits: bits).description == network)
  }
}
