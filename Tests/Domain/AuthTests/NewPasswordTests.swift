import Cryptography
import Testing

@testable import Auth

@Suite struct NewPasswordTests {
  private func reason(_ text: String, email: String = "ann@example.com") throws -> String? {
    let email = try EmailAddress(email)
    do throws(AuthError) {
      _ = try NewPassword(SecretBytes(utf8: text), email: email)
      return nil
    } catch {
      guard case .invalid(.password, let reason) = error else { return "another error" }
      return reason
    }
  }

  @Test(arguments: [
    "8 chars!", "qzqzqzqzqz", "ünïcödé p", "🐎🔋📎🧱🍋🐎🔋📎", "   spaces count   ", "xqzvkwpj",
  ])
  func anythingOfEightCharactersIsAPasswordWhateverItIsMadeOf(_ text: String) throws {
    #expect(try reason(text) == nil)
  }

  @Test func sevenCharactersAreTooFewAnd1025BytesTooMany() throws {
    let sizes = "must have at least 8 characters and at most 1024 bytes"
    #expect(try reason("7 chars") == sizes)
    #expect(try reason("🔑🔑🔑🔑🔑🔑🔑") == sizes)
    let long = String(repeating: "abcdefgh", count: 128)
    #expect(try reason(long) == nil)
    #expect(try reason(long + "i") == sizes)
    #expect(try reason(String(repeating: "x", count: 100_000)) == sizes)
    #expect(try reason(String(repeating: "é", count: 512)) == nil)
  }

  @Test(arguments: [
    // Of both lists, of one of them each, and of our own.
    "password1", "12345678", "Password1234", "QWERTYUIOP123", "correct horse battery staple",
    "iloveyou1", "sunshine", "trustno1", "football",
  ])
  func aCommonPasswordIsRefusedInAnyCase(_ text: String) throws {
    #expect(try reason(text) == "is one of the most common passwords")
  }

  @Test func theListIsThereWhole() {
    #expect(CommonPasswords.digests.count == CommonPasswords.digestCount)
    #expect(CommonPasswords.digests == CommonPasswords.digests.sorted())
  }

  @Test func theEmailAddressIsNoPassword() throws {
    #expect(try reason("ANN@example.com") == "must not be the e-mail address")
    #expect(
      try reason("longlocalpart", email: "longlocalpart@example.com")
        == "must not be the e-mail address")
  }

  @Test func anAccentCountsAsOneCharacterHoweverItWasTyped() throws {
    let composed = "K\u{e4}se \u{fc}ber 35"
    let decomposed = "Ka\u{308}se u\u{308}ber 35"
    let email = try EmailAddress("ann@example.com")
    let password = try NewPassword(SecretBytes(utf8: decomposed), email: email)
    #expect(password.secret.constantTimeEquals(SecretBytes(utf8: composed)))
    // Eight when composed would be nine decomposed.
    #expect(
      try reason("u\u{308}ber k\u{e4}")
        == "must have at least 8 characters and at most 1024 bytes")
  }

  @Test(arguments: [
    [], Array("plain".utf8), [0xff, 0xfe], Array("a\u{301}".utf8), Array("\u{fb2c}\u{1d160}".utf8),
    Array("\u{390}\u{1f82}".utf8), [0x65, 0xcc, 0x81, 0x00],
  ])
  func composingIsDoneOnceAndNeverShortensWhatIsNotUTF8(_ bytes: [UInt8]) {
    let once = SecretBytes(copying: bytes).composed
    #expect(once.composed.constantTimeEquals(once))
    if String(validating: bytes, as: UTF8.self) == nil {
      #expect(once.constantTimeEquals(SecretBytes(copying: bytes)))
    } else {
      #expect(once.withUTF8String { $0 } == String(decoding: bytes, as: UTF8.self))
    }
  }
}
