/// Builds the protobuf wire format by hand, right or wrong.
struct WireBuilder {
  private(set) var bytes: [UInt8] = []

  init() {}

  func varint(_ number: Int, _ value: UInt64) -> WireBuilder {
    appending(Self.varint(UInt64(number) << 3) + Self.varint(value))
  }

  func fixed64(_ number: Int, _ value: UInt64) -> WireBuilder {
    appending(
      Self.varint(UInt64(number) << 3 | 1) + withUnsafeBytes(of: value.littleEndian, Array.init))
  }

  /// A length-delimited field.
  func field(_ number: Int, _ content: [UInt8]) -> WireBuilder {
    appending(Self.varint(UInt64(number) << 3 | 2) + Self.varint(UInt64(content.count)) + content)
  }

  func text(_ number: Int, _ text: String) -> WireBuilder { field(number, Array(text.utf8)) }

  func raw(_ bytes: [UInt8]) -> WireBuilder { appending(bytes) }

  private func appending(_ more: [UInt8]) -> WireBuilder {
    var result = self
    result.bytes += more
    return result
  }

  static func varint(_ value: UInt64) -> [UInt8] {
    var rest = value
    var bytes: [UInt8] = []
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    return bytes + [UInt8(rest)]
  }
}
