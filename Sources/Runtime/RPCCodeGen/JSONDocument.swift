import Encodings

/// A JSON text that keeps the order of what it is made of, and has a line for each part: it is
/// checked in, and compared.
indirect enum JSONDocument {
  case text(String)
  case number(Int)
  case flag(Bool)
  case list([JSONDocument])
  case object([(String, JSONDocument)])

  static let empty = JSONDocument.object([])

  /// Without a line break at the end.
  func print(indent: String = "") -> String {
    let inner = indent + "  "
    switch self {
    case .text(let text): return JSONText.string(text)
    case .number(let number): return "\(number)"
    case .flag(let flag): return "\(flag)"
    case .list(let elements):
      guard !elements.isEmpty else { return "[]" }
      let lines = elements.map { inner + $0.print(indent: inner) }
      return "[\n" + lines.joined(separator: ",\n") + "\n\(indent)]"
    case .object(let members):
      guard !members.isEmpty else { return "{}" }
      let lines = members.map { name, value in
        "\(inner)\(JSONText.string(name)): \(value.print(indent: inner))"
      }
      return "{\n" + lines.joined(separator: ",\n") + "\n\(indent)}"
    }
  }
}

extension JSONDocument: ExpressibleByStringLiteral {
  init(stringLiteral value: String) { self = .text(value) }
}
