/// Collects indented lines: all the machinery that printing Swift needs.
struct LinePrinter {
  private(set) var text = ""
  private var depth = 0

  mutating func line(_ line: String = "") {
    text += line.isEmpty ? "\n" : String(repeating: "  ", count: depth) + line + "\n"
  }

  mutating func indented(
    _ body: (inout LinePrinter) throws(GeneratorError) -> Void
  ) throws(GeneratorError) {
    depth += 1
    try body(&self)
    depth -= 1
  }

  /// `head {`, the body indented, `}`.
  mutating func block(
    _ head: String, _ body: (inout LinePrinter) throws(GeneratorError) -> Void
  ) throws(GeneratorError) {
    line(head + " {")
    try indented(body)
    line("}")
  }

  /// A `.proto` comment as a doc comment; `fallback` where there is none.
  mutating func documentation(_ comment: String, fallback: String) {
    var lines = comment.split(separator: "\n", omittingEmptySubsequences: false).map { line in
      line.hasPrefix(" ") ? line.dropFirst() : line
    }
    while let last = lines.last, last.allSatisfy(\.isWhitespace) { lines.removeLast() }
    if lines.isEmpty { lines = [Substring(fallback)] }
    for line in lines { self.line(line.isEmpty ? "///" : "/// \(line)") }
  }
}
