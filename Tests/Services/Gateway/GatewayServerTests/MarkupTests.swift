import Encodings
import NIOHTTP1
import Testing

@testable import GatewayServer

/// What strangers wrote must not become markup of the portal's pages, however they hide it.
@Suite struct MarkupTests {
  private static let sessionCookie = ("cookie", "chatelaine-session=\(FakeBackend.sessionToken)")

  /// Characters that join with what stands before or behind them: a prepended sign, an accent, an
  /// enclosing circle, a joiner.
  private static let joining = ["\u{600}", "\u{301}", "\u{20DD}", "\u{200D}"]

  /// Bytes of the page that look like the start of an element that no template has.
  private func hasForeignMarkup(_ page: String) -> Bool {
    page.utf8.split(separator: "<meta http-equiv".utf8).count > 1
  }

  @Test(arguments: joining)
  func aStoredProgramNameIsText(mark: String) async throws {
    try await TestGateway.run { gateway in
      gateway.backend.show(
        userAgent: "\(mark)<meta http-equiv=refresh content=0;url=//evil \(mark)>")
      let page = try await gateway.send(.GET, "/audit", headers: [Self.sessionCookie])
      #expect(page.status == 200)
      #expect(page.body.utf8.split(separator: "&lt;".utf8).count > 1)
      #expect(!hasForeignMarkup(page.body))
    }
  }

  @Test(arguments: joining)
  func aReflectedFilterIsText(mark: String) async throws {
    try await TestGateway.run { gateway in
      let value = "x\(mark)\"\(mark)>\(mark)<meta http-equiv=refresh>"
      for name in ["since", "until"] {
        let page = try await gateway.send(
          .GET, "/audit?\(name)=\(PercentCoding.encode(value))", headers: [Self.sessionCookie])
        #expect(page.status == 422)
        #expect(!hasForeignMarkup(page.body))
      }
    }
  }

  @Test(arguments: joining)
  func aLabelIsText(mark: String) async throws {
    try await TestGateway.run { gateway in
      gateway.backend.store(
        provider: "\(mark)<meta http-equiv=refresh>", label: "\(mark)<meta http-equiv=refresh>",
        key: "k")
      for path in ["/providers", "/providers/00000000-0000-4000-8000-000000000001"] {
        let page = try await gateway.send(.GET, path, headers: [Self.sessionCookie])
        #expect(page.status == 200)
        #expect(!hasForeignMarkup(page.body))
      }
    }
  }
}
