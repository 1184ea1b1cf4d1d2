/// A strict JSON parser (RFC 8259): duplicate names, bad UTF-8, lone surrogates and nesting beyond
/// `MessageLimits.nestingDepthMax` are refused, so that no two readers of a text can disagree.
package struct JSONParser {
  private let bytes: [UInt8]
  private var position = 0

  private init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// Parses exactly one JSON text.
  package static func parse(_ bytes: [UInt8]) throws(MessageError) -> JSONValue {
    var parser = JSONParser(bytes)
    let value = try parser.value(depth: 1)
    parser.skipSpace()
    guard parser.position == bytes.count else { throw parser.failure("text after the value") }
    return value
  }

  private func failure(_ reason: String) -> MessageError {
    .malformedJSON(reason: reason, byteOffset: position)
  }

  private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

  private mutating func skipSpace() {
    while let byte = current, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 {
      position += 1
    }
  }

  private mutating func take(_ byte: UInt8) -> Bool {
    guard current == byte else { return false }
    position += 1
    return true
  }

  private mutating func value(depth: Int) throws(MessageError) -> JSONValue {
    guard depth <= MessageLimits.nestingDepthMax else { throw .nestedTooDeep }
    skipSpace()
    guard let first = current else { throw failure("the text ends early") }
    switch first {
    case UInt8(ascii: "{"): return try object(depth: depth)
    case UInt8(ascii: "["): return try array(depth: depth)
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
    default: throw failure("not the start of a value")
    }
  }

  private mutating func word(
    _ text: StaticString, _ value: JSONValue
  ) throws(MessageError)
    -> JSONValue
  {
    for byte in text.description.utf8 {
      guard take(byte) else { throw failure("not the start of a value") }
    }
    return value
  }

  private mutating func object(depth: Int) throws(MessageError) -> JSONValue {
    position += 1
    var members: [JSONValue.Member] = []
    var names: Set<String> = []
    skipSpace()
    if take(UInt8(ascii: "}")) { return .object([]) }
    while true {
      skipSpace()
      guard current == UInt8(ascii: "\"") else { throw failure("a member name is missing") }
      let name = try string()
      guard names.insert(name).inserted else { throw failure("the same name twice") }
      skipSpace()
      guard take(UInt8(ascii: ":")) else { throw failure("':' is missing") }
      members.append(JSONValue.Member(name: name, value: try value(depth: depth + 1)))
      skipSpace()
      if take(UInt8(ascii: "}")) { return .object(members) }
      guard take(UInt8(ascii: ",")) else { throw failure("',' or '}' is missing") }
    }
  }

  private mutating func array(depth: Int) throws(MessageError) -> JSONValue {
    position += 1
    var elements: [JSONValue] = []
    skipSpace()
    if take(UInt8(ascii: "]")) { return .array([]) }
    while true {
      elements.append(try value(depth: depth + 1))
      skipSpace()
      if take(UInt8(ascii: "]")) { return .array(elements) }
      guard take(UInt8(ascii: ",")) else { throw failure("',' or ']' is missing") }
    }
  }

  private mutating func digits() throws(MessageError) {
    guard let first = current, (0x30...0x39).contains(first) else {
      throw failure("a digit is missing")
    }
    while let byte = current, (0x30...0x39).contains(byte) { position += 1 }
  }

  private mutating func number() throws(MessageError) -> JSONValue {
    let start = position
    _ = take(UInt8(ascii: "-"))
    if !take(UInt8(ascii: "0")) { try digits() }
    if take(UInt8(ascii: ".")) { try digits() }
    if current == UInt8(ascii: "e") || current == UInt8(ascii: "E") {
      position += 1
      if current == UInt8(ascii: "+") || current == UInt8(ascii: "-") { position += 1 }
      try digits()
    }
    return .number(String(decoding: bytes[start..<position], as: UTF8.self))
  }

  private mutating func string() throws(MessageError) -> String {
    position += 1
    var content: [UInt8] = []
    while let byte = current {
      position += 1
      switch byte {
      case UInt8(ascii: "\""):
        guard let text = String(validating: content, as: UTF8.self) else {
          throw failure("a string is not UTF-8")
        }
        return text
      case UInt8(ascii: "\\"): try escape(into: &content)
      case 0..<0x20: throw failure("an unescaped control character")
      default: content.append(byte)
      }
    }
    throw failure("a string does not end")
  }

  private mutating func escape(into content: inout [UInt8]) throws(MessageError) {
    guard let byte = current else { throw failure("a string does not end") }
    position += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): content.append(byte)
    case UInt8(ascii: "b"): content.append(0x08)
    case UInt8(ascii: "f"): content.append(0x0C)
    case UInt8(ascii: "n"): content.append(0x0A)
    case UInt8(ascii: "r"): content.append(0x0D)
    case UInt8(ascii: "t"): content.append(0x09)
    case UInt8(ascii: "u"):
      content.append(contentsOf: String(Character(try escapedScalar())).utf8)
    default: throw failure("an unknown escape")
    }
  }

  private mutating func escapedScalar() throws(MessageError) -> Unicode.Scalar {
    let first = try codeUnit()
    if let scalar = Unicode.Scalar(UInt32(first)) { return scalar }
    guard (0xD800...0xDBFF).contains(first), take(UInt8(ascii: "\\")), take(UInt8(ascii: "u"))
    else { throw failure("a lone surrogate") }
    let second = try codeUnit()
    guard (0xDC00...0xDFFF).contains(second),
      let scalar = Unicode.Scalar(
        0x10000 + (UInt32(first) - 0xD800) << 10 + (UInt32(second) - 0xDC00))
    else { throw failure("a lone surrogate") }
    return scalar
  }

  private mutating func codeUnit() throws(MessageError) -> UInt16 {
    var unit: UInt16 = 0
    for _ in 0..<4 {
      guard let byte = current, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
        throw failure("four hexadecimal digits are missing")
      }
      unit = unit << 4 | UInt16(digit)
      position += 1
    }
    return unit
  }
}

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
