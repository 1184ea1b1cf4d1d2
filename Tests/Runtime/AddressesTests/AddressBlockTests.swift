import Addresses
import Testing

@Suite struct AddressBlockTests {
  @Test(arguments: [
    "10.0.0.0/8", "192.0.2.1", "192.0.2.0/24", "0.0.0.0/0", "::1", "2001:db8::/32", "::/0",
    "fd00::/8", "10.128.0.0/9",
  ])
  func aBlockIsRead(text: String) {
    #expect(AddressBlock(text) != nil)
  }

  @Test(arguments: [
    "", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "10.0.0.1/8", "10.0.0/8", "::1/129", "host/8",
    "10.0.0.0/8/8", "10.0.0.0/+8", "010.0.0.0/8", "fd00::1/8", "::ffff/zz",
  ])
  func aMalformedBlockIsRefused(text: String) {
    #expect(AddressBlock(text) == nil)
  }

  @Test(arguments: [
    ("10.0.0.0/8", "10.255.0.1", true), ("10.0.0.0/8", "11.0.0.1", false),
    ("10.128.0.0/9", "10.127.255.255", false), ("10.128.0.0/9", "10.128.0.0", true),
    ("192.0.2.7", "192.0.2.7", true), ("192.0.2.7", "192.0.2.8", false),
    ("2001:db8::/33", "2001:db8:7fff::1", true), ("2001:db8::/33", "2001:db8:8000::1", false),
    ("0.0.0.0/0", "::1", false), ("::/0", "127.0.0.1", false),
  ])
  func aBlockContainsItsAddressesOnly(block: String, address: String, isInside: Bool) throws {
    let block = try #require(AddressBlock(block))
    let address = try #require(IPAddress(address))
    #expect(block.contains(address) == isInside)
  }
}
