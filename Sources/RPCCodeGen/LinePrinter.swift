/// Collects lines of Swift, indented by nesting.
struct LinePrinter {
  private(set) var text = ""
  private var depth = 0

  /// One line; without text an empty one.
  mutating func line(_ line: String = "") {
    if !line.isEmpty { text += String(repeating: "  ", count: depth) + line }
    text += "\n"
  }

  /// `opening {`, what `body` prints one level deeper, and `}`.
  mutating func block(
    _ opening: String, closing: String = "}", _ body: (inout LinePrinter) throws -> Void
  ) rethrows {
    line(opening)
    depth += 1
    try body(&self)
    depth -= 1
    line(closing)
  }

  /// A comment of the `.proto` file as documentation.
  mutating func documentation(_ comment: String?) {
    guard let comment else { return }
    for commentLine in comment.split(separator: "\n", omittingEmptySubsequences: false) {
      line(commentLine.isEmpty ? "///" : "/// \(commentLine)")
    }
  }
}
