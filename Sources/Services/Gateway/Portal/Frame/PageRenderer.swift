import Edge
import HTTPTypes
import NIOCore
import RPC

/// Draws pages from the compiled-in templates.
package struct PageRenderer: Sendable {
  /// Trades some speed for size: a page is small, and its line often slow.
  private static let compressionLevel: Int32 = 6

  private let library: TemplateLibrary
  let assets: StaticAssets
  /// What runs here, for the foot of the page.
  let version: String

  /// Throws for a malformed template: a bug of the build.
  package init(version: String = "unreleased") throws {
    var library = TemplateLibrary()
    for (name, bytes) in Self.templates {
      let text = String(decoding: bytes, as: UTF8.self)
      try library.register(text, named: name)
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
    var content = content.compactMapValues(TemplateValue.present)
    let once = OnceForms.newID()
    (content["formToken"], content["once"]) = (frame.formToken, once)
    content["zone"] = frame.preferences.zone.name
    let body = library.render(content, withTemplate: template) ?? ""
    let html =
      library.render(
        [
          "title": frame.title, "body": body, "formToken": frame.formToken, "once": once,
          "email": frame.email as Any, "initial": Self.initial(of: frame.email) as Any,
          "isStranger": frame.isStranger, "kind": frame.isStranger ? "stranger" : "person",
          "theme": frame.preferences.theme?.rawValue as Any,
          "scheme": frame.preferences.theme?.rawValue ?? "light dark",
          "zone": frame.preferences.zone.name, "isZoneOpen": !frame.preferences.isZoneChosen,
          "stylesheet": assets.stylesheet.path, "mark": assets.mark.path, "version": version,
          "modules": assets.paths(of: [.time, .copy, .once] + frame.modules),
          "sections": frame.sections,
        ].compactMapValues(TemplateValue.present), withTemplate: "layout") ?? ""
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
}
