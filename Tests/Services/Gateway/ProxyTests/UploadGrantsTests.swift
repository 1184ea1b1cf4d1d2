import Cryptography
import Edge
import HTTPTypes
import Testing

@testable import Proxy

@Suite struct UploadGrantsTests {
  private static let address = "/proxy/google/upload/v1beta/files?upload_id=4&a="

  private let grants: UploadGrants
  private let token: ProxyToken

  init() throws {
    grants = try UploadGrants()
    token = try #require(ProxyToken("chat_ours"))
  }

  private func target(_ address: String = address, label: String = "work") throws -> ProxyTarget {
    try ProxyTarget(try RequestTarget(address), labelField: label)
  }

  @Test(arguments: ["work", ""])
  func aGrantGivesTokenAndLabelAtItsAddress(labelSent: String) throws {
    let digits = try #require(grants.seal(token, for: target()))
    for method in [HTTPRequest.Method.post, .put, .delete] {
      let grant = try grants.open(digits, for: target(label: labelSent), method: method)
      #expect(grant.token.secret.constantTimeEquals(token.secret))
      #expect(grant.label == "work")
    }
    #expect(try grants.seal(token, for: target()) != digits)
  }

  @Test(arguments: [
    ("/proxy/google/upload/v1beta/files?upload_id=5&a=", "work"),
    ("/proxy/google/upload/v1beta/files?upload_id=4&a=&b", "work"),
    ("/proxy/google/upload/v1beta/files?a=&upload_id=4", "work"),
    ("/proxy/google/upload/v1beta/files?upload_id=4&%61=", "work"),
    ("/proxy/google/upload/v1beta/files?upload_id=4", "work"),
    ("/proxy/google/upload/v1beta/files", "work"),
    ("/proxy/google/upload/v1beta/files/?upload_id=4&a=", "work"),
    ("/proxy/google/upload/v1beta/other?upload_id=4&a=", "work"),
    ("/proxy/openai/upload/v1beta/files?upload_id=4&a=", "work"),
    ("/proxy/custom/google/upload/v1beta/files?upload_id=4&a=", "ignored"),
    (address, "home"),
  ])
  func aGrantIsGoodForNoOtherAddress(address: String, label: String) throws {
    let digits = try #require(grants.seal(token, for: target()))
    #expect(throws: UploadGrants.Failure.unknown) {
      try grants.open(digits, for: target(address, label: label), method: .post)
    }
  }

  @Test func aGrantOfTheDefaultKeyIsGoodForNoOther() throws {
    let digits = try #require(grants.seal(token, for: target(label: "")))
    #expect(try grants.open(digits, for: target(label: ""), method: .post).label == "")
    #expect(throws: UploadGrants.Failure.unknown) {
      try grants.open(digits, for: target(), method: .post)
    }
  }

  @Test(arguments: [HTTPRequest.Method.get, .patch, .head, .options])
  func nothingIsReadByAGrant(method: HTTPRequest.Method) throws {
    let digits = try #require(grants.seal(token, for: target()))
    #expect(throws: UploadGrants.Failure.unknown) {
      try grants.open(digits, for: target(), method: method)
    }
  }

  @Test func aGrantEndsAfterAnHour() throws {
    let now = ContinuousClock.now
    let digits = try #require(grants.seal(token, for: target(), at: now))
    _ = try grants.open(digits, for: target(), method: .post, at: now + .seconds(3_598))
    #expect(throws: UploadGrants.Failure.ended) {
      try grants.open(digits, for: target(), method: .post, at: now + UploadGrants.lifetime)
    }
  }

  @Test func aGrantThatAGrantBringsEndsWithIt() throws {
    let now = ContinuousClock.now
    let first = try #require(grants.seal(token, for: target(), at: now))
    let granted = try grants.open(first, for: target(), method: .post, at: now + .seconds(1_800))
    let next = try #require(
      grants.seal(granted.token, for: target(), at: now + .seconds(1_800)))
    _ = try grants.open(next, for: target(), method: .post, at: now + .seconds(3_598))
    #expect(throws: UploadGrants.Failure.ended) {
      try grants.open(next, for: target(), method: .post, at: now + UploadGrants.lifetime)
    }
  }

  @Test func aGrantWithAnyDigitChangedIsNone() throws {
    let digits = try #require(grants.seal(token, for: target()))
    for index in digits.indices {
      let other = digits[index] == "A" ? "B" : "A"
      let changed = digits.replacingCharacters(at: index, with: other)
      #expect(throws: UploadGrants.Failure.unknown) {
        try grants.open(changed, for: target(), method: .post)
      }
    }
  }

  @Test(arguments: [
    "", "A", "AAAA", "=", "&", "chat_ours", String(repeating: "A", count: 60),
    String(repeating: "A", count: UploadGrants.digitsMax + 1),
  ])
  func otherTextsAreNoGrants(text: String) throws {
    #expect(throws: UploadGrants.Failure.unknown) {
      try grants.open(text, for: target(), method: .post)
    }
  }

  @Test func anotherProcessOpensNone() throws {
    let digits = try #require(grants.seal(token, for: target()))
    #expect(throws: UploadGrants.Failure.unknown) {
      try UploadGrants().open(digits, for: target(), method: .post)
    }
  }

  @Test func aKeyThatHasSealedEnoughIsReplacedAndStillOpens() throws {
    let grants = try UploadGrants(sealsPerKeyMax: 2)
    let digits = try (0..<5).map { _ in try #require(grants.seal(token, for: target())) }
    let opened = digits.map { digits in
      (try? grants.open(digits, for: target(), method: .post)) != nil
    }
    #expect(opened == [false, false, true, true, true])
  }

  @Test func theLongestTokenAndLabelFitAndNoLongerLabelDoes() throws {
    let word = "chat_" + String(repeating: "a", count: ProxyToken.bytesMax - 5)
    let longest = try #require(ProxyToken(word[...]))
    let label = String(repeating: "l", count: UploadGrants.labelBytesMax)
    let digits = try #require(grants.seal(longest, for: target(label: label)))
    #expect(digits.utf8.count == UploadGrants.digitsMax)
    #expect(try grants.open(digits, for: target(label: ""), method: .put).label == label)
    #expect(try grants.seal(token, for: target(label: label + "l")) == nil)
  }
}

extension String {
  fileprivate func replacingCharacters(at index: Index, with text: String) -> String {
    self[..<index] + text + self[self.index(after: index)...]
  }
}
