import Edge
import HTTPTypes
import Hummingbird
import Mustache
import NIOCore
import RPC

/// Draws pages from the compiled-in templates.
package struct PageRenderer: Sendable {
  /// Trades some speed for size: a page is small, and its line often slow.
  private static let compressionLevel: Int32 = 6

  private let library: MustacheLibrary
  let assets: StaticAssets
  /// What runs here, for the foot of the page.
  let version: String

  /// Throws for a malformed template: a bug of the build.
  package init(version: String = "unreleased") throws {
    var library = MustacheLibrary()
    for (name, bytes) in Self.templates {
      let text = String(decoding: bytes, as: UTF8.self)
      try library.register(EscapedHTML.template(text), named: name)
    }
    self.library = library
    self.version = version
    assets = try StaticAssets()
  }

  /// A whole page; `content` is what the template's names refer to.
  func page(
    _ template: String, _ content: [String: Any], in frame: Frame,
    status: HTTPResponse.Status = .ok
  ) -> Response {
    var content = content.compactMapValues(Self.present)
    content["formToken"] = frame.formToken
    content["zone"] = frame.preferences.zone.name
    let body = library.render(content, withTemplate: template) ?? ""
    let html =
      library.render(
        [
          "title": frame.title, "body": body, "formToken": frame.formToken,
          "email": frame.email as Any, "initial": Self.initial(of: frame.email) as Any,
          "isStranger": frame.isStranger, "kind": frame.isStranger ? "stranger" : "person",
          "theme": frame.preferences.theme?.rawValue as Any,
          "scheme": frame.preferences.theme?.rawValue ?? "light dark",
          "zone": frame.preferences.zone.name, "isZoneOpen": !frame.preferences.isZoneChosen,
          "stylesheet": assets.stylesheet.path, "mark": assets.mark.path, "version": version,
          "modules": assets.paths(of: [.time, .copy, .once] + frame.modules),
          "sections": frame.sections,
        ].compactMapValues(Self.present), withTemplate: "layout") ?? ""
    var headers: HTTPFields = [.contentType: "text/html; charset=utf-8"]
    var bytes = ByteBuffer(string: html)
    let compressed =
      frame.mayCompress ? try? Gzip.compress(bytes, level: Self.compressionLevel) : nil
    if let compressed { bytes = compressed }
    ContentCoding.mark(&headers, isGzip: compressed != nil)
    return Response(status: status, headers: headers, body: .init(byteBuffer: bytes))
  }

  /// For the disc beside an address.
  private static func initial(of email: String?) -> String? {
    email?.unicodeScalars.first.map { String($0).uppercased() }
  }

  /// Unwraps optionals: the templates' conditions test whether a name is there at all.
  static func present(_ value: Any) -> Any? {
    guard let optional = value as? any OptionalValue else { return value }
    return optional.wrappedValue
  }
}

/// Escapes what a page shows, byte by byte.
///
/// The library's own escaping looks at `Character`s: a `<` with U+0600 before or U+0301 behind it
/// is another `Character` than `<` and would stay markup for the browser.
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

/// Lets an optional be unwrapped without knowing its type.
private protocol OptionalValue {
  var wrappedValue: Any? { get }
}

extension Optional: OptionalValue {
  fileprivate var wrappedValue: Any? { self }
}
