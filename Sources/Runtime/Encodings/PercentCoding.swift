/// Percent-encoding (RFC 3986, 2.1).
package enum PercentCoding {
  /// Control characters that decoded text may not have.
  package enum Controls: Sendable {
    /// C0 and DEL.
    case refused
    /// Only NUL: line breaks and tabs are text in a form's value.
    case allowedButNUL
  }

  /// Bytes that `encode` leaves as they are.
  package enum Kept: Sendable {
    /// RFC 3986, 2.3.
    case unreserved
    /// Visible ASCII and spaces, but for `%`: gRPC's `grpc-message`.
    case visible
  }

  private static let percent = UInt8(ascii: "%")

  // MARK: Reading

  /// The text behind the escapes, read strictly: nil for a `%` without two digits, which two
  /// readers could understand differently, for bad UTF-8 and for controls that aren't allowed.
  package static func decode(
    _ text: some StringProtocol, plusIsSpace: Bool = false, controls: Controls = .refused
  ) -> String? {
    let decoded = Array(text.utf8).withUnsafeBytes {
      bytes(behind: $0, plusIsSpace: plusIsSpace, brokenIsLiteral: false)
    }
    guard let decoded, !decoded.contains(where: controls.refuse) else { return nil }
    return String(validating: decoded, as: UTF8.self)
  }

  /// The bytes behind the escapes, of whatever encoding; nil for a `%` without two digits.
  package static func decodeBytes(_ text: some StringProtocol) -> [UInt8]? {
    Array(text.utf8).withUnsafeBytes {
      bytes(behind: $0, plusIsSpace: false, brokenIsLiteral: false)
    }
  }

  /// As much of a text as can be read: a broken escape stands for itself, bad UTF-8 is replaced.
  package static func decodeLeniently(_ text: UnsafeRawBufferPointer) -> String {
    let decoded = bytes(behind: text, plusIsSpace: false, brokenIsLiteral: true)
    return String(decoding: decoded ?? [], as: UTF8.self)
  }

  private static func bytes(
    behind text: UnsafeRawBufferPointer, plusIsSpace: Bool, brokenIsLiteral: Bool
  ) -> [UInt8]? {
    var decoded: [UInt8] = []
    decoded.reserveCapacity(text.count)
    var index = 0
    while index < text.count {
      let byte = text[index]
      index += 1
      if byte == percent {
        if index + 1 < text.count, let high = Hex.value(of: text[index]),
          let low = Hex.value(of: text[index + 1])
        {
          decoded.append(high << 4 | low)
          index += 2
          continue
        }
        guard brokenIsLiteral else { return nil }
      }
      decoded.append(plusIsSpace && byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
    }
    return decoded
  }

  // MARK: Writing

  /// Every byte of the text's UTF-8 that isn't kept becomes `%XX`.
  package static func encode(_ text: String, keeping kept: Kept = .unreserved) -> String {
    String(decoding: bytes(of: text, keeping: kept), as: UTF8.self)
  }

  /// As `encode`, in ASCII.
  package static func bytes(of text: String, keeping kept: Kept) -> [UInt8] {
    var encoded: [UInt8] = []
    encoded.reserveCapacity(text.utf8.count)
    for byte in text.utf8 {
      if kept.contains(byte) {
        encoded.append(byte)
      } else {
        encoded.append(percent)
        encoded.append(Hex.digit(byte >> 4, isUpper: true))
        encoded.append(Hex.digit(byte & 15, isUpper: true))
      }
    }
    return encoded
  }
}

extension PercentCoding.Controls {
  fileprivate func refuse(_ byte: UInt8) -> Bool {
    switch self {
    case .refused: byte < 0x20 || byte == 0x7F
    case .allowedButNUL: byte == 0
    }
  }
}

extension PercentCoding.Kept {
  fileprivate func contains(_ byte: UInt8) -> Bool {
    switch self {
    case .unreserved: byte.isASCIILetter || byte.isASCIIDigit || "-._~".utf8.contains(byte)
    case .visible: (0x20...0x7E).contains(byte) && byte != UInt8(ascii: "%")
    }
  }
}
