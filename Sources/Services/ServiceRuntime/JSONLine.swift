import Encodings
internal import Logging

/// One JSON object on one line, built field by field.
struct JSONLine {
  private var bytes: [UInt8] = [UInt8(ascii: "{")]

  mutating func append(_ key: String, _ value: String) {
    append(key, .string(value))
  }

  mutating func append(_ key: String, _ value: Logger.MetadataValue) {
    appendKey(key)
    appendValue(value)
  }

  func finished() -> [UInt8] { bytes + "}\n".utf8 }

  private mutating func appendKey(_ key: String) {
    if bytes.last != UInt8(ascii: "{") { bytes.append(UInt8(ascii: ",")) }
    appendQuoted(key)
    bytes.append(UInt8(ascii: ":"))
  }

  private mutating func appendValue(_ value: Logger.MetadataValue) {
    switch value {
    case .string(let text): appendQuoted(text)
    case .stringConvertible(let value): appendQuoted(value.description)
    case .array(let values):
      bytes.append(UInt8(ascii: "["))
      for (index, value) in values.enumerated() {
        if index > 0 { bytes.append(UInt8(ascii: ",")) }
        appendValue(value)
      }
      bytes.append(UInt8(ascii: "]"))
    case .dictionary(let fields):
      bytes.append(UInt8(ascii: "{"))
      for (key, value) in fields.sorted(by: { $0.key < $1.key }) {
        appendKey(key)
        appendValue(value)
      }
      bytes.append(UInt8(ascii: "}"))
    }
  }

  private mutating func appendQuoted(_ text: String) {
    JSONText.append(text, to: &bytes, bytesMax: JSONLogHandler.valueBytesMax)
  }
}
