import Foundation
import Testing

@testable import Cryptography

@Suite struct SecretBytesTests {
  private struct Refused: Error {}

  private struct Holder {
    let name = "holder"
    let secret: SecretBytes
  }

  @Test func noWayOfDescribingItShowsTheSecret() {
    let canary = "canary-7f3a9c"
    let secret = SecretBytes(utf8: canary)
    let holder = Holder(secret: secret)
    var dumped = ""
    dump(secret, to: &dumped)
    dump(holder, to: &dumped)
    let descriptions = [
      String(describing: secret), String(reflecting: secret), "\(secret)", "\(holder)",
      String(reflecting: holder), "\([secret])", "\(Optional(secret) as Any)", dumped,
      secret.debugDescription,
    ]
    for description in descriptions {
      #expect(!description.contains(canary))
      #expect(!description.contains("0x"), "a description shows the address of the secret")
    }
    #expect("\(secret)" == "<redacted>")
    #expect(Mirror(reflecting: secret).children.isEmpty)
  }

  @Test(arguments: [0, 1, 63, 64, 65, 256, 1024, 4096, 4097, 100_000])
  func itHoldsWhatWasPutIn(_ count: Int) throws {
    let bytes = try SecureRandom.bytes(count)
    let secret = SecretBytes(copying: bytes)
    #expect(secret.count == count)
    #expect(secret.exposed == bytes)
    #expect(bytes.withUnsafeBytes { SecretBytes(copying: $0).constantTimeEquals(secret) })
  }

  @Test func textArrivesAsItsUTF8AndComesBackAsText() {
    let text = "schlüssel 🔑"
    let secret = SecretBytes(utf8: text)
    #expect(secret.exposed == Array(text.utf8))
    #expect(secret.withUTF8String { $0 } == text)
  }

  @Test func comparisonSeesEveryDifference() {
    let secret = SecretBytes(copying: [1, 2, 3])
    #expect(secret.constantTimeEquals(SecretBytes(copying: [1, 2, 3])))
    #expect(!secret.constantTimeEquals(SecretBytes(copying: [1, 2, 4])))
    #expect(!secret.constantTimeEquals(SecretBytes(copying: [1, 2])))
    #expect(SecretBytes(utf8: "").constantTimeEquals(SecretBytes(copying: [])))
  }

  @Test func aSecretMayTurnOutShorterThanItsCapacity() {
    let secret = SecretBytes(capacity: 100) { buffer in
      buffer[0] = 9
      return 1
    }
    #expect(secret.count == 1)
    #expect(secret.exposed == [9])
  }

  @Test func anErrorWhileFillingReachesTheCaller() {
    #expect(throws: Refused.self) {
      try SecretBytes(count: 8) { (buffer) throws(Refused) in
        buffer[0] = 1
        throw Refused()
      }
    }
    #expect(throws: Refused.self) {
      try SecretBytes(capacity: 8) { (_) throws(Refused) -> Int in throw Refused() }
    }
  }

  @Test func randomSecretsDiffer() throws {
    let first = try SecretBytes.random(count: 32)
    #expect(!first.constantTimeEquals(try SecretBytes.random(count: 32)))
  }

  /// In a process of its own, where no other test takes the freed memory.
  @Test func memoryIsWipedWhenTheLastReferenceGoes() async {
    await #expect(processExitsWith: .success) {
      for count in [1, 64, 200, 1000, 4096] {
        var secret: SecretBytes? = SecretBytes(copying: [UInt8](repeating: 0xA5, count: count))
        let block = try #require(secret?.block)
        // The region stays mapped for reuse, so it can still be looked at.
        let memory = UnsafeRawBufferPointer(start: block.start, count: block.capacity)
        #expect(memory.prefix(count).allSatisfy { $0 == 0xA5 })
        secret = nil
        #expect(memory.allSatisfy { $0 == 0 })
      }
    }
  }

  @Test func memoryIsWipedWhenFillingFails() async {
    await #expect(processExitsWith: .success) {
      var start: UnsafeMutableRawPointer?
      _ = try? SecretBytes(count: 64) { buffer in
        start = buffer.baseAddress
        for index in buffer.indices { buffer[index] = 0xA5 }
        throw Refused()
      }
      let memory = UnsafeRawBufferPointer(start: try #require(start), count: 64)
      #expect(memory.allSatisfy { $0 == 0 })
    }
  }

  @Test func freedMemoryIsUsedAgain() async {
    await #expect(processExitsWith: .success) {
      var starts: Set<UnsafeMutableRawPointer> = []
      for _ in 0..<100_000 { starts.insert(SecretBytes(copying: [1, 2, 3]).block.start) }
      #expect(starts.count == 1)
    }
  }

  @Test func secretsAreLockedAndLeftOutOfDumps() async {
    await #expect(processExitsWith: .success) {
      let secret = SecretBytes(utf8: "secret")
      #expect(secret.isLocked)
      let start = UInt(bitPattern: secret.block.start)
      let flags = try memoryFlags(at: start)
      #expect(flags.contains("lo"), "the page is not locked")
      #expect(flags.contains("dd"), "the page is not left out of dumps")
    }
  }

  /// 20,000 secrets of a page each would be 80 MiB of locked memory; the usual limit is 8 MiB.
  @Test func thousandsOfSmallSecretsStayWithinTheUsualLimit() async {
    await #expect(processExitsWith: .success) {
      try becomeUnprivileged(lockedBytesMax: 8 * 1024 * 1024)
      let secrets = (0..<20_000).map { SecretBytes(utf8: "secret \($0)") }
      let lockedCount = secrets.count { $0.isLocked }
      #expect(lockedCount == secrets.count)
      #expect(secrets[19_999].exposed == Array("secret 19999".utf8))
    }
  }

  @Test func withoutTheRightToLockSecretsStillWorkAndSaySo() async {
    await #expect(processExitsWith: .success) {
      try becomeUnprivileged(lockedBytesMax: 0)
      let secret = SecretBytes(utf8: "secret")
      #expect(!secret.isLocked)
      #expect(secret.exposed == Array("secret".utf8))
      let large = SecretBytes(copying: [UInt8](repeating: 3, count: 10_000))
      #expect(!large.isLocked)
      #expect(large.count == 10_000)
    }
  }

  @Test func secretsAreMadeAndWipedByManyThreadsAtOnce() async {
    await withTaskGroup(of: Bool.self) { group in
      for seed in UInt8(0)..<8 {
        group.addTask {
          (0..<2000).allSatisfy { round in
            let bytes = [UInt8](repeating: seed, count: 1 + round % 300)
            return SecretBytes(copying: bytes).exposed == bytes
          }
        }
      }
      for await isIntact in group { #expect(isIntact) }
    }
  }
}
