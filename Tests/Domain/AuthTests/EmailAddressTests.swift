import Testing

@testable import Auth

@Suite struct EmailAddressTests {
  @Test(arguments: [
    "a@b", "ann@example.com", "ann.lee+keys@sub.example.co", "o'neil@example.com",
    "a@xn--bcher-kva.example",
  ])
  func anOrdinaryAddressIsKeptAsWritten(_ text: String) throws {
    #expect(try EmailAddress(text).text == text)
  }

  @Test(arguments: [
    "", "ann", "@example.com", "ann@", "a@b@c", "ann lee@example.com", ".ann@example.com",
    "ann.@example.com", "an..n@example.com", "ann@-example.com", "ann@example-.com",
    "ann@example..com", "ann@example.com\r\nBcc: all@example.com", "ann\u{0}@example.com",
    " ann@example.com", "änn@example.com", "\"ann\"@example.com", "ann@[192.0.2.1]",
  ])
  func anythingElseIsRefused(_ text: String) {
    #expect(throws: AuthError.self) { try EmailAddress(text) }
  }

  @Test func lengthsAreLimited() throws {
    let domain = Array(repeating: String(repeating: "d", count: 63), count: 3)
      .joined(separator: ".")
    let longest = String(repeating: "a", count: 254 - 1 - domain.utf8.count - 2) + "@" + domain
    #expect(throws: Never.self) { try EmailAddress(longest + ".e") }
    #expect(throws: AuthError.self) { try EmailAddress(longest + ".ee") }
    #expect(throws: AuthError.self) {
      try EmailAddress(String(repeating: "a", count: 65) + "@example.com")
    }
  }

  @Test func caseMakesNoSecondAccount() throws {
    #expect(try EmailAddress("Ann@Example.com").key == EmailAddress("ann@example.COM").key)
  }
}
