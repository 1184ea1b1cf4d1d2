import Foundation
import Identity
import Testing

@Suite struct UserIDTests {
  @Test func theTextIsLowerCaseAndReadInEitherCase() throws {
    let id = UserID(UUID())
    #expect(id.text == id.text.lowercased())
    #expect(UserID(id.text) == id)
    #expect(UserID(id.text.uppercased()) == id)
  }

  @Test func theTextIsThatOfTheUUID() {
    for _ in 0..<100 {
      let uuid = UUID()
      #expect(uuid.text == uuid.uuidString.lowercased())
    }
  }

  @Test(arguments: ["", "1", "not-a-uuid", "{00000000-0000-0000-0000-000000000000}"])
  func anythingElseIsNoID(_ text: String) {
    #expect(UserID(text) == nil)
  }
}
