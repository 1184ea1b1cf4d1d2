import Foundation
import LocalDeployment
import NIOCore
import OpenSSL
import TLS
import TestSupport
import Testing

@Suite struct TLSConnectionTests {
  private let certificates: TestCertificates

  init() throws {
    certificates = try TestCertificates()
  }

  /// Two engines whose bytes are carried by hand.
  private struct Pair {
    let client: TLSConnection
    let server: TLSConnection
    var toClient = ByteBuffer()
    var toServer = ByteBuffer()

    /// Carries bytes until nothing moves.
    mutating func settle() throws {
      var moved = true
      while moved {
        let first = try Self.carry(client, server, &toServer)
        let second = try Self.carry(server, client, &toClient)
        moved = first || second
      }
    }

    private static func carry(
      _ from: TLSConnection, _ to: TLSConnection, _ plaintext: inout ByteBuffer
    ) throws -> Bool {
      var wire = ByteBuffer()
      from.takeOutput(into: &wire)
      guard wire.readableBytes > 0 else { return false }
      try to.receive(wire, plaintext: &plaintext)
      return true
    }
  }

  private func configuration(_ paths: CertificatePaths) -> TLSConfiguration {
    TLSConfiguration(
      certificateFile: paths.certificate, privateKeyFile: paths.privateKey,
      certificateAuthorityFile: paths.authority)
  }

  private func pair(
    client: TLSConfiguration? = nil, expecting: TLSConnection.ExpectedPeer = .anyOfAuthority
  ) throws -> Pair {
    let server = try TLSContext(.server, configuration(certificates.paths("vault")))
    let client = try TLSContext(.client, client ?? configuration(certificates.paths("gateway")))
    return Pair(
      client: try TLSConnection(client, expecting: expecting),
      server: try TLSConnection(server, expecting: .anyOfAuthority))
  }

  @Test func bothEndsLearnTheOthersName() throws {
    var pair = try pair(expecting: .uri("spiffe://chatelaine/vault"))
    #expect(!pair.client.isEstablished)
    try pair.client.start()
    try pair.settle()
    #expect(pair.client.isEstablished && pair.server.isEstablished)
    #expect(pair.client.peerIdentities == ["spiffe://chatelaine/vault"])
    #expect(pair.server.peerIdentities == ["spiffe://chatelaine/gateway"])
  }

  @Test func bytesComeThroughInBothDirections() throws {
    var pair = try pair()
    try pair.client.start()
    try pair.settle()
    var question = ByteBuffer(repeating: 7, count: 100_000)
    try pair.client.send(&question)
    var answer = ByteBuffer(string: "short")
    try pair.server.send(&answer)
    try pair.settle()
    #expect(pair.toServer == ByteBuffer(repeating: 7, count: 100_000))
    #expect(String(buffer: pair.toClient) == "short")
  }

  @Test func bytesMayArriveInAnyPieces() throws {
    let pair = try pair()
    var toClient = ByteBuffer()
    var toServer = ByteBuffer()
    try pair.client.start()
    // One byte at a time, the handshake too; output is taken behind what waits already.
    var wires = (toServer: ByteBuffer(), toClient: ByteBuffer())
    func carry() throws {
      while true {
        pair.client.takeOutput(into: &wires.toServer)
        pair.server.takeOutput(into: &wires.toClient)
        guard wires.toServer.readableBytes + wires.toClient.readableBytes > 0 else { return }
        if let byte = wires.toServer.readSlice(length: 1) {
          try pair.server.receive(byte, plaintext: &toServer)
        }
        if let byte = wires.toClient.readSlice(length: 1) {
          try pair.client.receive(byte, plaintext: &toClient)
        }
      }
    }
    try carry()
    #expect(pair.client.isEstablished && pair.server.isEstablished)
    for length in [1, 300, 40_000] {
      var question = ByteBuffer(repeating: UInt8(truncatingIfNeeded: length), count: length)
      let expected = question
      try pair.client.send(&question)
      try carry()
      #expect(toServer == expected)
      toServer.clear()
    }
  }

  @Test func whatComesInOnePieceIsReadInOneStep() throws {
    var pair = try pair()
    try pair.client.start()
    try pair.settle()
    var wire = ByteBuffer()
    for length in [1, 16_384, 3, 20_000] {
      var message = ByteBuffer(repeating: 9, count: length)
      try pair.client.send(&message)
      pair.client.takeOutput(into: &wire)
    }
    var received = ByteBuffer(string: "before")
    try pair.server.receive(wire, plaintext: &received)
    #expect(received.readString(length: 6) == "before")
    #expect(received == ByteBuffer(repeating: 9, count: 36_388))
    wire.clear()
    pair.client.takeOutput(into: &wire)
    #expect(wire.readableBytes == 0)
  }

  @Test func closingIsToldToThePeer() throws {
    var pair = try pair()
    try pair.client.start()
    try pair.settle()
    pair.client.close()
    try pair.settle()
    #expect(pair.server.isClosedByPeer)
  }

  @Test func anotherIdentityIsAnError() throws {
    var pair = try pair(expecting: .uri("spiffe://chatelaine/audit"))
    try pair.client.start()
    #expect(
      throws: TLSError.wrongPeer(
        expected: "spiffe://chatelaine/audit", found: ["spiffe://chatelaine/vault"])
    ) { try pair.settle() }
    #expect(!pair.client.isEstablished)
  }

  @Test func anInstanceIsOneOfItsService() throws {
    var leaf = LeafCertificate(service: "vault")
    leaf.identity = "spiffe://chatelaine/vault/2"
    let server = try TLSContext(.server, configuration(certificates.paths(leaf)))
    let client = try TLSContext(.client, configuration(certificates.paths("gateway")))
    var pair = Pair(
      client: try TLSConnection(client, expecting: .uri("spiffe://chatelaine/vault")),
      server: try TLSConnection(server, expecting: .anyOfAuthority))
    try pair.client.start()
    try pair.settle()
    #expect(pair.client.peerIdentities == ["spiffe://chatelaine/vault/2"])

    leaf.identity = "spiffe://chatelaine/vault2"
    let other = try TLSContext(.server, configuration(certificates.paths(leaf)))
    pair = Pair(
      client: try TLSConnection(client, expecting: .uri("spiffe://chatelaine/vault")),
      server: try TLSConnection(other, expecting: .anyOfAuthority))
    try pair.client.start()
    #expect(throws: TLSError.self) { try pair.settle() }
  }

  @Test(arguments: ["identity", "service", "serial number", "nothing"])
  func aDeniedPeerIsRefused(by what: String) throws {
    var leaf = LeafCertificate(service: "gateway")
    leaf.identity = "spiffe://chatelaine/gateway/1"
    let paths = try certificates.paths(leaf)
    let pem = try [UInt8](Data(contentsOf: URL(fileURLWithPath: paths.certificate)))
    let serialNumber = CertificateContents(try Certificate(pem: pem)).serialNumber
    var denying = configuration(try certificates.paths("vault"))
    let isUnderstood =
      switch what {
      case "identity": denying.deniedPeers.insert("spiffe://chatelaine/gateway/1")
      case "service": denying.deniedPeers.insert("spiffe://chatelaine/gateway")
      case "serial number": denying.deniedPeers.insert(serialNumber.lowercased())
      default: denying.deniedPeers.insert("spiffe://chatelaine/gateway/2")
      }
    #expect(isUnderstood)
    var pair = Pair(
      client: try TLSConnection(
        TLSContext(.client, configuration(paths)), expecting: .anyOfAuthority),
      server: try TLSConnection(TLSContext(.server, denying), expecting: .anyOfAuthority))
    try pair.client.start()
    guard what != "nothing" else { return try pair.settle() }
    #expect(
      throws: TLSError.deniedPeer(
        serialNumber: serialNumber, identities: ["spiffe://chatelaine/gateway/1"])
    ) { try pair.settle() }
    #expect(!pair.server.isEstablished)
  }

  @Test(arguments: ["", "gateway", "0x12", "spiffe://ä", "12 34"])
  func whatNamesNoCertificateIsNotDenied(text: String) {
    var denied = DeniedPeers()
    let isUnderstood = denied.insert(text)
    #expect(!isUnderstood)
    #expect(denied.isEmpty)
  }

  @Test(arguments: ["localhost", "127.0.0.1"])
  func aHostNameOrAddressCanBeExpected(_ host: String) throws {
    var pair = try pair(expecting: .host(host))
    try pair.client.start()
    try pair.settle()
    #expect(pair.client.isEstablished)
  }

  @Test(arguments: ["example.org", "127.0.0.2"])
  func anotherHostIsAnError(_ host: String) throws {
    var pair = try pair(expecting: .host(host))
    try pair.client.start()
    #expect(throws: TLSError.self) { try pair.settle() }
  }

  @Test func aClientOfAnotherAuthorityIsAnErrorAtTheServer() throws {
    let others = try TestCertificates()
    let paths = try others.paths("gateway")
    var mixed = configuration(paths)
    mixed.certificateAuthorityFile = try certificates.paths("vault").authority
    var pair = try pair(client: mixed)
    try pair.client.start()
    let error = #expect(throws: TLSError.self) { try pair.settle() }
    guard case .handshakeFailed(let reason)? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(reason.contains("certificate verify failed"))
    #expect(!pair.server.isEstablished)
  }

  @Test func garbageIsAnErrorAndNoTrap() throws {
    for seed in UInt8(0)..<64 {
      let pair = try pair()
      var plaintext = ByteBuffer()
      let garbage = ByteBuffer(bytes: (0..<200).map { UInt8(truncatingIfNeeded: $0 &* 31) ^ seed })
      #expect(throws: TLSError.self) {
        try pair.server.receive(garbage, plaintext: &plaintext)
      }
    }
  }
}
