import Foundation
import Testing

@testable import UseCases

@Suite struct PageTests {
  private let time = Date(timeIntervalSince1970: 1_700_000_000.123456)

  private func token(of list: String) throws -> String {
    let id = UUID()
    let request = try PageRequest(size: 1, token: "", of: list)
    let page = request.page(of: [1, 2]) { _ in PagePosition(time: time, id: id) }
    return try #require(page.nextPageToken)
  }

  @Test func aPageEndsWhereTheNextBegins() throws {
    let id = UUID()
    let request = try PageRequest(size: 2, token: "", of: "things")
    let page = request.page(of: ["a", "b", "c"]) { _ in PagePosition(time: time, id: id) }
    #expect(page.elements == ["a", "b"])
    let next = try PageRequest(size: 2, token: #require(page.nextPageToken), of: "things")
    #expect(next.position == PagePosition(time: time, id: id))
    #expect(
      request.page(of: ["a", "b"]) { _ in PagePosition(time: time, id: id) }.nextPageToken == nil)
  }

  @Test func aSequenceSurvivesItsToken() throws {
    let position = PagePosition(timeMicroseconds: 1_700_000_000_123_456, sequence: .max)
    let request = try PageRequest(size: 1, token: "", of: "log")
    let token = try #require(request.page(of: [1, 2]) { _ in position }.nextPageToken)
    let read = try PageRequest(size: 1, token: token, of: "log").position
    #expect(read == position)
    #expect(read?.sequence == .max)
  }

  @Test func aTokenOfAnotherListIsRefused() throws {
    let token = try token(of: "things")
    #expect(throws: PageProblem.tokenOfAnotherList) {
      try PageRequest(size: 1, token: token, of: "other things")
    }
  }

  @Test(arguments: [
    "x", "====", String(repeating: "A", count: 44), String(repeating: "é", count: 9),
  ])
  func whatIsNoTokenIsRefused(_ text: String) {
    #expect(throws: PageProblem.self) { try PageRequest(size: 1, token: text, of: "things") }
  }

  @Test(arguments: [-1, 201, .max, .min])
  func sizesBeyondTheLimitAreRefused(_ size: Int) {
    #expect(throws: PageProblem.size) { try PageRequest(size: size, token: "", of: "things") }
  }

  @Test func noSizeMeansTheDefault() throws {
    #expect(try PageRequest(size: 0, token: "", of: "things").limit == PageRequest.elementsDefault)
  }
}
