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
    "twelve chars", "ünïcödé päss", "🐎🔋📎🧱🍋🐎🔋📎🧱🍋🐎🔋", "   spaces count   ",
  ])
  func anythingOfTwelveCharactersIsAPassword(_ text: String) throws {
    #expect(try reason(text) == nil)
  }

  @Test func elevenCharactersAreTooFewAnd257TooMany() throws {
    #expect(try reason("eleven char") == "must have 12 to 256 characters")
    let long = String(repeating: "abcdefgh", count: 32)
    #expect(try reason(long) == nil)
    #expect(try reason(long + "i") == "must have 12 to 256 characters")
  }

  @Test(arguments: ["Password1234", "QWERTYUIOP123", "correct horse battery staple"])
  func aCommonPasswordIsRefusedInAnyCase(_ text: String) throws {
    #expect(try reason(text) == "is one of the most common passwords")
  }

  @Test func fewDifferentCharactersAreTooSimple() throws {
    #expect(try reason("abababababab") == "must have at least 5 different characters")
  }

  @Test func theEmailAddressIsNoPassword() throws {
    #expect(try reason("ANN@example.com") == "must not be the e-mail address")
    #expect(
      try reason("longlocalpart", email: "longlocalpart@example.com")
        == "must not be the e-mail address")
  }
}
