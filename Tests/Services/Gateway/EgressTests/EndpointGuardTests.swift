import Addresses
import Testing

@testable import Egress

@Suite struct EndpointGuardTests {
  static let refusedAddresses = [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.100.100.200",
    "127.0.0.1", "127.9.9.9", "168.63.129.16", "169.254.169.254", "172.16.0.1", "172.31.255.255",
    "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.19.255.255",
    "198.51.100.7", "203.0.113.7", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254",
    "64:ff9b::127.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "100::1", "2001::1", "2001:2::1",
    "2001:10::1", "2001:20::1", "2001:db8::1", "2002:7f00:1::", "2002:c0a8:101::1", "3fff::1",
    "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1",
  ]
  static let publicAddresses = [
    "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0",
    "128.0.0.1", "172.15.255.255", "172.32.0.0", "192.167.255.255", "192.169.0.0",
    "223.255.255.255",
    "2606:4700::1111", "2a00:1450::8", "::ffff:8.8.8.8", "64:ff9b::808:808", "2001:200::1",
  ]

  @Test(arguments: refusedAddresses)
  func anAddressThatIsNotPublicIsRefused(text: String) throws {
    #expect(AddressPolicy.refusal(of: try #require(IPAddress(text))) != nil)
  }

  @Test(arguments: publicAddresses)
  func aPublicAddressIsAllowed(text: String) throws {
    #expect(AddressPolicy.refusal(of: try #require(IPAddress(text))) == nil)
  }

  private func endpointGuard(
    allowing entries: [String] = [], hosts: [String: [String]] = [:]
  ) throws -> EndpointGuard {
    var list = EndpointAllowList()
    for entry in entries {
      let isEntry = list.insert(entry)
      #expect(isEntry)
    }
    return EndpointGuard(allowList: list, resolver: FixedResolver(hosts))
  }

  @Test(arguments: [
    "http://llm.example.com", "https://127.0.0.1", "https://[::1]:8443/v1",
    "https://[::ffff:127.0.0.1]", "https://2130706433", "https://0x7f000001", "https://0177.0.0.1",
    "https://127.1", "https://localhost", "https://api.localhost", "https://LOCALHOST.",
    "https://printer.local", "https://metadata.google.internal", "https://postgres:5432",
    "https://169.254.169.254/latest/meta-data", "https://user@llm.example.com",
    "https://llm.example.com/?a=b", "ftp://llm.example.com", "https://llm.example.com/../x", "",
    "https://llm.example.com\\@10.0.0.1/",
  ])
  func aBaseURLThatReachesInwardsIsRefusedWhenItIsStored(text: String) throws {
    let endpointGuard = try endpointGuard()
    #expect(throws: EndpointRefusal.self) { try endpointGuard.checkLiterally(text) }
  }

  @Test func aPublicEndpointIsPinnedToTheAddressesThatWereChecked() async throws {
    let endpointGuard = try endpointGuard(hosts: ["llm.example.com": ["8.8.8.8", "8.8.4.4"]])
    let pinned = try await endpointGuard.check("https://llm.example.com/v1", for: "user")
    #expect(pinned.addresses.map(\.description) == ["8.8.8.8", "8.8.4.4"])
  }

  @Test func oneInwardAddressAmongSeveralRefusesTheName() async throws {
    let endpointGuard = try endpointGuard(hosts: ["llm.example.com": ["8.8.8.8", "10.0.0.1"]])
    await #expect(throws: EndpointRefusal.address("a private address")) {
      try await endpointGuard.check("https://llm.example.com/v1", for: "user")
    }
  }

  @Test func aNameWithoutAddressesIsRefused() async throws {
    let endpointGuard = try endpointGuard()
    await #expect(throws: EndpointRefusal.unresolvable) {
      try await endpointGuard.check("https://llm.example.com/v1", for: "user")
    }
  }

  @Test func theOperatorMayAllowAPrivateEndpoint() async throws {
    let endpointGuard = try endpointGuard(
      allowing: ["127.0.0.1:11434", "[::1]:8080", "Ollama:11434"], hosts: ["ollama": ["10.0.0.5"]])
    #expect(throws: Never.self) { try endpointGuard.checkLiterally("http://127.0.0.1:11434/v1") }
    #expect(throws: Never.self) { try endpointGuard.checkLiterally("http://[::1]:8080") }
    #expect(throws: EndpointRefusal.self) {
      try endpointGuard.checkLiterally("http://127.0.0.1:80")
    }
    let pinned = try await endpointGuard.check("http://ollama:11434", for: "user")
    #expect(pinned.addresses.map(\.description) == ["10.0.0.5"])
  }

  @Test(arguments: ["", "host", "host:", ":80", "host:0", "host:99999", "a/b:80", "::1", "[::1]"])
  func anAllowListEntryThatIsNotHostAndPortIsRefused(text: String) {
    var list = EndpointAllowList()
    let isEntry = list.insert(text)
    #expect(!isEntry)
  }
}
