/// A `CodeGeneratorResponse`, read by hand.
struct PluginResponse {
  private(set) var error: String?
  private(set) var supportedFeatures: UInt64 = 0
  private(set) var files: [(name: String, content: String)] = []

  init(_ bytes: [UInt8]) {
    for (number, value) in Self.fields(bytes) {
      switch (number, value) {
      case (1, .bytes(let text)): error = String(decoding: text, as: UTF8.self)
      case (2, .number(let features)): supportedFeatures = features
      case (15, .bytes(let file)):
        var texts: [Int: String] = [:]
        for case (let number, .bytes(let text)) in Self.fields(file) {
          texts[number] = String(decoding: text, as: UTF8.self)
        }
        files.append((texts[1] ?? "", texts[15] ?? ""))
      default: break
      }
    }
  }

  enum Value: Equatable {
    case number(UInt64)
    case bytes([UInt8])
  }

  /// The varint and length-delimited fields of a message; stops at anything else.
  static func fields(_ bytes: [UInt8]) -> [(number: Int, value: Value)] {
    var fields: [(number: Int, value: Value)] = []
    var rest = bytes[...]
    while let tag = varint(&rest), let value = varint(&rest) {
      if tag & 7 == 0 {
        fields.append((Int(tag >> 3), .number(value)))
      } else if tag & 7 == 2, value <= UInt64(rest.count) {
        fields.append((Int(tag >> 3), .bytes(Array(rest.prefix(Int(value))))))
        rest = rest.dropFirst(Int(value))
      } else {
        break
      }
    }
    return fields
  }

  private static func varint(_ bytes: inout ArraySlice<UInt8>) -> UInt64? {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while shift < 64, let byte = bytes.popFirst() {
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return value }
      shift += 7
    }
    return nil
  }
}
