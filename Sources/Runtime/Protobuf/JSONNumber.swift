/// The parts of a JSON number (RFC 8259, 6), for text that may not be one.
struct JSONNumber {
  /// Longer text is refused: no value of protobuf needs it.
  static let textBytesMax = 400

  let isNegative: Bool
  /// Decimal digits before and after the point.
  let whole: Substring
  let fraction: Substring
  /// Empty, or the digits after `e`, with their sign.
  let exponent: Substring

  /// Nil for text that is not exactly one JSON number.
  init?(_ text: String) {
    guard text.utf8.count <= Self.textBytesMax else { return nil }
    var rest = text[...]
    isNegative = Self.take("-", from: &rest)
    whole = Self.digits(from: &rest)
    guard whole == "0" || whole.first.map({ $0 != "0" }) == true else { return nil }
    if Self.take(".", from: &rest) {
      fraction = Self.digits(from: &rest)
      guard !fraction.isEmpty else { return nil }
    } else {
      fraction = ""
    }
    if Self.take("e", from: &rest) || Self.take("E", from: &rest) {
      let start = rest.startIndex
      if !Self.take("-", from: &rest) { _ = Self.take("+", from: &rest) }
      guard !Self.digits(from: &rest).isEmpty else { return nil }
      exponent = text[start..<rest.startIndex]
    } else {
      exponent = ""
    }
    guard rest.isEmpty else { return nil }
  }

  /// The value, when it is whole and fits: `5.0` and `1e3` are integers in proto3 JSON.
  ///
  /// Goes by the digits and never through `Double`, which would round 64-bit values.
  func integer<Integer: FixedWidthInteger>() -> Integer? {
    guard let exponent = exponent.isEmpty ? 0 : Int(exponent),
      exponent.magnitude <= Self.textBytesMax
    else { return nil }
    var digits = String(whole + fraction)
    let shift = exponent - fraction.utf8.count
    if shift >= 0 {
      digits += String(repeating: "0", count: shift)
    } else {
      guard digits.suffix(-shift).allSatisfy({ $0 == "0" }) else { return nil }
      digits = "0" + digits.dropLast(-shift)
    }
    return Integer((isNegative ? "-" : "") + digits)
  }

  private static func take(_ character: Character, from text: inout Substring) -> Bool {
    guard text.first == character else { return false }
    text.removeFirst()
    return true
  }

  private static func digits(from text: inout Substring) -> Substring {
    let digits = text.prefix { ("0"..."9").contains($0) && $0.isASCII }
    text = text[digits.endIndex...]
    return digits
  }
}
