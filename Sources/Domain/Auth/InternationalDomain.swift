/// Host names beyond ASCII, in the form in which DNS knows them (RFC 5890).
enum InternationalDomain {
  /// The domain with each label beyond ASCII as its A-label, `xn--` and Punycode; nil for one with
  /// characters that no label has. Labels in ASCII stay as they are.
  static func ascii(_ domain: String) -> String? {
    guard !domain.utf8.allSatisfy({ $0 < 0x80 }) else { return domain }
    var labels: [String] = []
    for label in domain.unicodeScalars.split(separator: ".", omittingEmptySubsequences: false) {
      guard let label = ascii(label: String(label)) else { return nil }
      labels.append(label)
    }
    return labels.joined(separator: ".")
  }

  private static func ascii(label: String) -> String? {
    guard !label.utf8.allSatisfy({ $0 < 0x80 }) else { return label }
    let composed = String(decoding: label.lowercased()._nfcCodeUnits, as: UTF8.self)
    let scalars = Array(composed.unicodeScalars)
    guard let first = scalars.first, !isMark(first), scalars.allSatisfy(isAllowed) else {
      return nil
    }
    return Punycode.encode(scalars.map(\.value)).map { "xn--" + $0 }
  }

  /// Letters, their marks and digits, less the compatibility forms that a name never keeps
  /// (RFC 5892, 2.1 and 2.2, in so far as the standard library knows the properties).
  private static func isAllowed(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x2D: return true
    case 0xFB00...0xFB4F, 0xFE70...0xFEFF, 0xFF00...0xFFEF, 0x1D400...0x1D7FF: return false
    default: break
    }
    switch scalar.properties.generalCategory {
    case .lowercaseLetter, .otherLetter, .modifierLetter, .decimalNumber: return true
    default: return isMark(scalar)
    }
  }

  private static func isMark(_ scalar: Unicode.Scalar) -> Bool {
    let category = scalar.properties.generalCategory
    return category == .nonspacingMark || category == .spacingMark
  }
}

/// Unicode as the letters and digits of a DNS label (RFC 3492).
enum Punycode {
  // RFC 3492, 5.
  private static let base: UInt32 = 36
  private static let thresholdMin: UInt32 = 1
  private static let thresholdMax: UInt32 = 26
  private static let skew: UInt32 = 38
  private static let damp: UInt32 = 700
  private static let initialBias: UInt32 = 72
  private static let initialCode: UInt32 = 0x80
  /// Longer ones can't be labels, and keep the sums far from overflow.
  private static let scalarsMax = 63

  /// Nil for more than 63 scalars.
  static func encode(_ scalars: [UInt32]) -> String? {
    guard scalars.count <= scalarsMax else { return nil }
    var output = scalars.filter { $0 < initialCode }.map { UInt8(truncatingIfNeeded: $0) }
    let basicCount = UInt32(output.count)
    if basicCount > 0 { output.append(UInt8(ascii: "-")) }
    var code = initialCode
    var delta: UInt32 = 0
    var bias = initialBias
    var handled = basicCount
    while let next = scalars.filter({ $0 >= code }).min() {
      delta += (next - code) * (handled + 1)
      code = next
      for scalar in scalars {
        if scalar < code { delta += 1 }
        guard scalar == code else { continue }
        append(delta, bias, to: &output)
        bias = adapted(delta, count: handled + 1, isFirst: handled == basicCount)
        delta = 0
        handled += 1
      }
      delta += 1
      code += 1
    }
    return String(decoding: output, as: UTF8.self)
  }

  /// A variable-length integer (RFC 3492, 3.3).
  private static func append(_ delta: UInt32, _ bias: UInt32, to output: inout [UInt8]) {
    var rest = delta
    var position = base
    while true {
      let threshold =
        position <= bias ? thresholdMin : min(thresholdMax, position - bias)
      guard rest >= threshold else { break }
      output.append(digit(threshold + (rest - threshold) % (base - threshold)))
      rest = (rest - threshold) / (base - threshold)
      position += base
    }
    output.append(digit(rest))
  }

  private static func adapted(_ delta: UInt32, count: UInt32, isFirst: Bool) -> UInt32 {
    var delta = isFirst ? delta / damp : delta / 2
    delta += delta / count
    var position: UInt32 = 0
    while delta > (base - thresholdMin) * thresholdMax / 2 {
      delta /= base - thresholdMin
      position += base
    }
    return position + (base - thresholdMin + 1) * delta / (delta + skew)
  }

  private static func digit(_ value: UInt32) -> UInt8 {
    let offset = UInt8(truncatingIfNeeded: value)
    return offset < 26 ? UInt8(ascii: "a") + offset : UInt8(ascii: "0") + offset - 26
  }
}
