import Cryptography
import Foundation
import Testing

@Suite struct SecureRandomTests {
  @Test func randomBytesHaveTheLengthAskedFor() throws {
    #expect(try SecureRandom.bytes(0) == [])
    #expect(try SecureRandom.bytes(1000).count == 1000)
    #expect(try SecureRandom.bytes(32) != SecureRandom.bytes(32))
  }

  @Test func aUUIDIsRandomAndSaysSo() {
    let uuids = (0..<1000).map { _ in SecureRandom.uuid() }
    #expect(Set(uuids).count == uuids.count)
    // RFC 9562, 4.1 and 4.2: the variant and the version, and all other bits vary.
    #expect(uuids.allSatisfy { $0.uuid.8 >> 6 == 0b10 && $0.uuid.6 >> 4 == 4 })
    let octets = uuids.map { uuid in Swift.withUnsafeBytes(of: uuid.uuid) { Array($0) } }
    for index in 0..<16 { #expect(Set(octets.map { $0[index] }).count >= 16) }
  }
}
