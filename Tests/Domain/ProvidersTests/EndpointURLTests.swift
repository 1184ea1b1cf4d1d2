import Testing

@testable import Providers

@Suite struct EndpointURLTests {
  @Test(arguments: [
    ("https://api.openai.com", "https://api.openai.com", "https://api.openai.com:443"),
    ("HTTPS://API.OpenAI.com/", "https://api.openai.com", "https://api.openai.com:443"),
    ("https://api.openai.com:443/v1/", "https://api.openai.com/v1", "https://api.openai.com:443"),
    ("http://localhost:11434", "http://localhost:11434", "http://localhost:11434"),
    ("https://host.example./v1", "https://host.example/v1", "https://host.example:443"),
    ("http://my_service:80/x", "http://my_service/x", "http://my_service:80"),
    ("http://127.0.0.1:8000/v1", "http://127.0.0.1:8000/v1", "http://127.0.0.1:8000"),
    ("http://[::1]:8000", "http://[::1]:8000", "http://[::1]:8000"),
    ("http://[0:0:0:0:0:0:0:1]", "http://[::1]", "http://[::1]:80"),
    (
      "https://[2001:DB8:0:0:1:0:0:1]/", "https://[2001:db8::1:0:0:1]",
      "https://[2001:db8::1:0:0:1]:443"
    ),
    ("https://[::ffff:10.0.0.1]", "https://[::ffff:a00:1]", "https://[::ffff:a00:1]:443"),
    ("https://h.example/a%20b/c", "https://h.example/a%20b/c", "https://h.example:443"),
  ])
  func oneSpellingComesOut(_ row: (text: String, url: String, origin: String)) throws {
    let url = try EndpointURL(row.text)
    #expect(url.description == row.url)
    #expect(url.origin == row.origin)
    #expect(try EndpointURL(url.description) == url)
  }

  @Test(arguments: [
    ("ftp://host.example", EndpointURLError.unsupportedScheme),
    ("host.example/v1", .unsupportedScheme),
    ("https:host.example", .unsupportedScheme),
    ("", .unsupportedScheme),
    ("https://", .missingHost),
    ("https:///v1", .missingHost),
    ("https://.", .missingHost),
    ("https://user@host.example", .userInformation),
    ("https://user:pass@host.example", .userInformation),
    ("https://host.example?key=1", .queryOrFragment),
    ("https://host.example/#x", .queryOrFragment),
    ("https://host.example/a b", .invalidCharacter),
    ("https://host.example\r\nHost: x", .invalidCharacter),
    ("https://host.example\\@evil.example", .invalidCharacter),
    ("https://host.example\u{0}", .invalidCharacter),
    ("https://h\u{f6}st.example", .internationalHost),
    ("https://a..b", .invalidHost),
    ("https://-a.example", .invalidHost),
    ("https://a%2eexample", .invalidHost),
    ("https://[::1", .invalidHost),
    ("https://[::1]x", .invalidHost),
    ("https://[1::2::3]", .invalidHost),
    ("https://[1:2:3:4:5:6:7]", .invalidHost),
    ("https://[1:2:3:4:5:6:7:8:9]", .invalidHost),
    ("https://[fe80::1%25eth0]", .invalidHost),
    ("https://[12345::]", .invalidHost),
    ("https://2130706433", .ambiguousAddress),
    ("https://0x7f000001", .ambiguousAddress),
    ("https://0x7f.1", .ambiguousAddress),
    ("https://127.1", .ambiguousAddress),
    ("https://0177.0.0.1", .ambiguousAddress),
    ("https://127.0.0.256", .ambiguousAddress),
    ("https://host.example:0", .invalidPort),
    ("https://host.example:65536", .invalidPort),
    ("https://host.example:", .invalidPort),
    ("https://host.example:+80", .invalidPort),
    ("https://host.example/a//b", .invalidPath),
    ("https://host.example/../a", .invalidPath),
    ("https://host.example/%2e%2e/a", .invalidPath),
    ("https://host.example/%2fa", .invalidPath),
    ("https://host.example/%0aa", .invalidPath),
    ("https://host.example/%g1", .invalidPath),
    ("https://host.example/%1", .invalidPath),
    ("https://host.example/caf\u{e9}", .invalidPath),
  ])
  func refusals(_ row: (text: String, error: EndpointURLError)) {
    #expect(throws: row.error) { try EndpointURL(row.text) }
  }

  @Test func lengthIsLimited() throws {
    let head = "https://h.example/"
    let longest = head + String(repeating: "a", count: EndpointURL.bytesMax - head.utf8.count)
    #expect(throws: Never.self) { try EndpointURL(longest) }
    #expect(throws: EndpointURLError.tooLong) { try EndpointURL(longest + "a") }
  }

  @Test func longPathSegmentsAreMaskedForDisplay() throws {
    let url = try EndpointURL("https://h.example:8443/short/abcdefghijklmnopqrst/v1")
    #expect(url.displayHint == "https://h.example:8443/short/…/v1")
    #expect(try EndpointURL("https://h.example").displayHint == "https://h.example")
  }

  @Test(arguments: [
    ("https://h.example", "v1/models", "https://h.example/v1/models"),
    ("https://h.example", "/v1/models?limit=1", "https://h.example/v1/models?limit=1"),
    ("https://h.example/v1", "v1/models", "https://h.example/v1/models"),
    ("https://h.example/openai/v1", "v1?x=1", "https://h.example/openai/v1?x=1"),
    ("https://h.example/v1", "v2/chat", "https://h.example/v1/v2/chat"),
    ("https://h.example/xv1", "v1/models", "https://h.example/xv1/v1/models"),
    // A base with what the SDK sends in front of its paths.
    ("https://h.example/openai", "/openai/deployments/d", "https://h.example/openai/deployments/d"),
    ("https://h.example/openai/v1", "/openai/v1/models", "https://h.example/openai/v1/models"),
    ("https://h.example/a/openai", "/openai", "https://h.example/a/openai"),
    ("https://h.example/openai", "/openai/", "https://h.example/openai/"),
    ("https://h.example/openai", "/openai2/x", "https://h.example/openai/openai2/x"),
    ("https://h.example/a/b", "/a/x", "https://h.example/a/b/a/x"),
    ("https://h.example/openai", "/openai?x=/openai", "https://h.example/openai?x=/openai"),
    // An SDK that puts `/v1` before everything, and an endpoint of another version.
    ("https://h.example/api/paas/v4", "/v1/chat", "https://h.example/api/paas/v4/chat"),
    ("https://h.example/api/paas/v4", "/v4/chat", "https://h.example/api/paas/v4/chat"),
    ("https://h.example/v4", "/v3/chat", "https://h.example/v4/v3/chat"),
    ("https://h.example/v1beta/openai", "/v1/chat", "https://h.example/v1beta/openai/chat"),
    ("https://h.example/v1/a/openai", "/v1/chat", "https://h.example/v1/a/openai/chat"),
    ("https://h.example/v1/a/other", "/v1/chat", "https://h.example/v1/a/other/v1/chat"),
    ("https://h.example/openai", "/v1/chat", "https://h.example/openai/v1/chat"),
    ("https://h.example/very", "/v1/chat", "https://h.example/very/v1/chat"),
    // As it was sent.
    ("https://h.example", "//v1/x", "https://h.example//v1/x"),
    ("https://h.example/v1", "/v1//x", "https://h.example/v1//x"),
    ("https://h.example/v1", "/%761/x/", "https://h.example/v1/%761/x/"),
    ("https://h.example/v1", "", "https://h.example/v1/"),
  ])
  func whatBaseAndPathShareIsThereOnce(_ row: (base: String, path: String, url: String)) throws {
    #expect(try EndpointURL(row.base).appending(path: row.path) == row.url)
  }

  /// Every base and path of up to three segments of a few.
  @Test func nothingIsDoubledAndNothingElseIsDropped() throws {
    func paths(_ segments: [String], _ count: Int) -> [String] {
      guard count > 0 else { return [""] }
      return paths(segments, count - 1).flatMap { path in segments.map { path + "/" + $0 } }
    }
    let bases = (0...3).flatMap { paths(["openai", "v1", "v4"], $0) }
    for base in bases {
      let endpoint = try EndpointURL("https://h.example" + base)
      for path in (1...3).flatMap({ paths(["openai", "v1", "v4", ""], $0) }) {
        let url = endpoint.path(below: path)
        let kept = url.dropFirst(base.utf8.count)
        #expect(url.hasPrefix(base) && path.hasSuffix(kept), "\(base) \(path)")
        let dropped = String(path.dropLast(kept.utf8.count))
        let isShared = dropped.isEmpty || base.hasSuffix(dropped)
        let hasVersion =
          base.hasSuffix("/v4") || base.hasSuffix("/openai") && base.contains("/v")
        #expect(isShared || dropped == "/v1" && hasVersion, "\(base) \(path)")
        // No longer beginning of the path is the base's end.
        let beginnings =
          path.utf8.indices.filter { path.utf8[$0] == UInt8(ascii: "/") }
          .map { String(path[..<$0]) } + [path]
        for beginning in beginnings where beginning.utf8.count > dropped.utf8.count {
          #expect(!base.hasSuffix(beginning) || beginning.isEmpty, "\(base) \(path)")
        }
      }
    }
  }
}
