import Cryptography
import Testing

@Suite struct SecureRandomTests {
  @Test func randomBytesHaveTheLengthAskedFor() throws {
    #expect(try SecureRandom.bytes(0) == [])
    #expect(try SecureRandom.bytes(1000).count == 1000)
    #expect(try SecureRandom.bytes(32) != SecureRandom.bytes(32))
  }
}
