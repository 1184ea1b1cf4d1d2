import Edge
import Encodings

/// Where a log-in leads: an address of the portal's own, never another site's.
struct ReturnAddress: Sendable, Hashable {
  static let bytesMax = 2_048
  /// What the form and the query call it.
  static let name = "next"
  static let home = "/"
  /// Pages that would lead in a circle, or end the session again.
  private static let refused: Set<String> = ["/log-in", "/log-in/code", "/log-out", "/sign-up"]

  /// Path and query.
  let text: String

  /// Nil for anything that a browser could take for another place: `//host`, `/\host`, a scheme.
  init?(_ text: String) {
    guard text.utf8.count <= Self.bytesMax, text.beginsWithBytes(of: "/"),
      !text.beginsWithBytes(of: "//"), let target = try? RequestTarget(text),
      !Self.refused.contains(String(target.path))
    else { return nil }
    self.text = text
  }

  /// A page and what its form has in its fields.
  init?(page: String, fields: [(name: String, value: String)]) {
    let query = fields.filter { !$0.value.isEmpty }
      .map { "\($0.name)=\(PercentCoding.encode($0.value))" }.joined(separator: "&")
    guard
      let whole = ReturnAddress(query.isEmpty ? page : "\(page)?\(query)")
        ?? ReturnAddress(page)
    else { return nil }
    self = whole
  }

  /// The log-in page that leads here.
  var logIn: String {
    text == Self.home ? "/log-in" : "/log-in?\(Self.name)=\(PercentCoding.encode(text))"
  }
}
