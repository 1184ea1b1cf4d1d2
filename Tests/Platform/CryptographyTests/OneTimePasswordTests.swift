import Testing

@testable import Cryptography

@Suite struct OneTimePasswordTests {
  private let secret = SecretBytes(utf8: "12345678901234567890")

  /// RFC 6238, appendix B, the column of SHA-1.
  @Test(arguments: [
    (59, "94287082"), (1_111_111_109, "07081804"), (1_111_111_111, "14050471"),
    (1_234_567_890, "89005924"), (2_000_000_000, "69279037"), (20_000_000_000, "65353130"),
  ])
  func codesAreThoseOfTheStandard(_ seconds: Int64, _ code: String) {
    #expect(
      OneTimePassword.code(secret, step: OneTimePassword.step(at: seconds), digits: 8) == code)
    #expect(
      OneTimePassword.step(of: String(code.suffix(6)), secret: secret, at: seconds)
        == seconds / 30)
  }

  /// RFC 4226, appendix D.
  @Test func countedCodesAreThoseOfTheStandard() {
    let codes = (0..<10).map { OneTimePassword.code(secret, step: $0) }
    #expect(
      codes == [
        "755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871",
        "520489",
      ])
  }

  @Test func aCodeIsTakenForAMinuteAndAHalf() {
    let code = OneTimePassword.code(secret, step: 100)
    for step in [99, 100, 101] {
      #expect(OneTimePassword.step(of: code, secret: secret, at: Int64(step) * 30) == 100)
    }
    for step in [98, 102] {
      #expect(OneTimePassword.step(of: code, secret: secret, at: Int64(step) * 30) == nil)
    }
    #expect(OneTimePassword.step(of: "", secret: secret, at: 0) == nil)
    #expect(OneTimePassword.step(of: "755224", secret: secret, at: -1) == 0)
  }

  /// RFC 4648, 10.
  @Test(arguments: [
    ("", ""), ("f", "MY"), ("fo", "MZXQ"), ("foo", "MZXW6"), ("foob", "MZXW6YQ"),
    ("fooba", "MZXW6YTB"), ("foobar", "MZXW6YTBOI"),
  ])
  func base32IsThatOfTheStandard(_ text: String, _ encoded: String) {
    #expect(Array(text.utf8).withUnsafeBytes { Base32.encode($0) } == encoded)
  }
}
