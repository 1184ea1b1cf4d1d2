import Mustache

/// Escapes what a page shows, byte by byte.
///
/// The library's own escaping looks at `Character`s: a `<` with U+0600 before or U+0301 behind it is
/// another `Character` than `<` and would stay markup for the browser.
struct EscapedHTML: MustacheContentType {
  private static let name = "ESCAPED_HTML"

  private static let isRegistered: Void = MustacheContentTypes.register(EscapedHTML(), named: name)

  /// The template with a first line that makes it escape in this way. Each partial needs that line:
  /// the library goes back to its own escaping at the start of each.
  static func template(_ text: String) -> String {
    isRegistered
    return "{{% CONTENT_TYPE:\(name)}}\n" + text
  }

  func escapeText(_ text: String) -> String {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.utf8.count)
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "<"): bytes += "&lt;".utf8
      case UInt8(ascii: ">"): bytes += "&gt;".utf8
      case UInt8(ascii: "&"): bytes += "&amp;".utf8
      case UInt8(ascii: "\""): bytes += "&quot;".utf8
      case UInt8(ascii: "'"): bytes += "&#39;".utf8
      default: bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
