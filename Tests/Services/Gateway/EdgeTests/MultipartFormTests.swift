import Testing

@testable import Edge

/// Forms that bring a file.
@Suite struct MultipartFormTests {
  private static let boundary = "----WebKitFormBoundaryAbC"

  private func fields(_ text: String) -> [String: String]? {
    MultipartForm.fields(Array(text.utf8), boundary: Self.boundary)
      .map { Dictionary($0.map { ($0.name, $0.value) }) { first, _ in first } }
  }

  private func part(_ name: String, _ value: String, file: String? = nil) -> String {
    let more = file.map { "; filename=\"\($0)\"\r\nContent-Type: text/plain" } ?? ""
    return "--\(Self.boundary)\r\nContent-Disposition: form-data; name=\"\(name)\"\(more)\r\n\r\n"
      + "\(value)\r\n"
  }

  private var end: String { "--\(Self.boundary)--\r\n" }

  @Test func fieldsAndAFileAreReadAsTheyWereSent() {
    let sent =
      part("csrf", "c") + part("file", "A=1\r\n--x\r\n\r\nB=2\n", file: "a; name=b.env") + end
    #expect(fields(sent) == ["csrf": "c", "file": "A=1\r\n--x\r\n\r\nB=2\n"])
    #expect(fields(part("file", "", file: "") + end) == ["file": ""])
    #expect(fields(end) == [:])
  }

  @Test func theBoundaryComesFromTheContentType() {
    #expect(MultipartForm.boundary(of: "multipart/form-data; boundary=ab") == "ab")
    #expect(MultipartForm.boundary(of: "Multipart/Form-Data;charset=x; Boundary=\"a b\"") == "a b")
    for other in [
      "multipart/form-data", "multipart/form-data; boundary=", "text/plain; boundary=ab",
      "multipart/form-data; boundary=\(String(repeating: "x", count: 71))",
    ] {
      #expect(MultipartForm.boundary(of: other) == nil)
    }
  }

  @Test func whatNoBrowserSendsIsRefused() {
    let whole = part("a", "1") + part("b", "2") + end
    // All but the line's end behind the last boundary is needed.
    for count in 0..<(whole.utf8.count - 2) {
      #expect(fields(String(decoding: whole.utf8.prefix(count), as: UTF8.self)) == nil)
    }
    for text in [
      "x" + whole, part("a", "1").replacing("name=", with: "nome=") + end,
      String(repeating: part("a", "1"), count: FormData.fieldsMax + 1) + end,
      "--\(Self.boundary)\r\n" + String(repeating: "X: y\r\n", count: 1_000) + "\r\n" + end,
    ] {
      #expect(fields(text) == nil)
    }
  }
}
