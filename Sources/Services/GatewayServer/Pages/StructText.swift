import Protobuf

/// A value of an event's details, in words.
enum StructText {
  static func text(of value: StructValue) -> String {
    switch value {
    case .null: "–"
    case .bool(let flag): flag ? "yes" : "no"
    case .number(let number): Int64(exactly: number).map(String.init) ?? "\(number)"
    case .string(let text): text
    case .list(let values): values.map { Self.text(of: $0) }.joined(separator: ", ")
    case .struct(let value):
      value.fields.sorted { $0.key < $1.key }
        .map { "\($0.key): \(text(of: $0.value))" }.joined(separator: ", ")
    }
  }
}
