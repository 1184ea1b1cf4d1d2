/// Parsed JSON, with object members in order and numbers as they were written.
package indirect enum JSONValue: Sendable, Hashable {
  case null
  case bool(Bool)
  /// The text of the number: 64-bit integers keep every digit.
  case number(String)
  case string(String)
  case array([JSONValue])
  case object([Member])

  package struct Member: Sendable, Hashable {
    package let name: String
    package let value: JSONValue

    package init(name: String, value: JSONValue) {
      self.name = name
      self.value = value
    }
  }
}
