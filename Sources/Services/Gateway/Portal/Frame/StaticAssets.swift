import Cryptography
import Edge
import Encodings
import HTTPTypes
import NIOCore
import RPC

/// The stylesheet, the mark and the modules, under names that change with their content, so that
/// browsers may keep them for ever.
struct StaticAssets: Sendable {
  struct Asset: Sendable {
    let path: String
    let contentType: String
    let body: ByteBuffer
    let compressed: ByteBuffer

    init(_ name: String, _ suffix: String, _ contentType: String, _ bytes: [UInt8]) throws {
      let version = Hex.encode(SHA256Digest.hash(bytes).prefix(6))
      path = "/assets/\(name)-\(version).\(suffix)"
      self.contentType = contentType
      body = ByteBuffer(bytes: bytes)
      compressed = try Gzip.compress(body, level: 9)
    }

    func response(to headers: HTTPFields) -> Response {
      let isGzip = ContentCoding.acceptsGzip(headers)
      var fields: HTTPFields = [
        .contentType: contentType, .cacheControl: "public, max-age=31536000, immutable",
      ]
      ContentCoding.mark(&fields, isGzip: isGzip)
      return Response(
        status: .ok, headers: fields, body: .init(byteBuffer: isGzip ? compressed : body))
    }
  }

  /// The scripts. Nothing but passkeys depends on one: the others make something that works already
  /// more comfortable.
  enum Module: String, Sendable, CaseIterable {
    /// Buttons that put a text on the clipboard.
    case copy
    /// Times in the browser's zone, and how long ago they were.
    case time
    /// Parts of a page that change by themselves.
    case live
    /// Pasted keys are cleaned, and their provider is recognised.
    case paste
    /// A form is sent once.
    case once
    /// Passkeys are made and used, for which browsers have no other way.
    case passkey

    fileprivate var bytes: [UInt8] {
      switch self {
      case .copy: PackageResources.copy_js
      case .time: PackageResources.time_js
      case .live: PackageResources.live_js
      case .paste: PackageResources.paste_js
      case .once: PackageResources.once_js
      case .passkey: PackageResources.passkey_js
      }
    }
  }

  let stylesheet: Asset
  let mark: Asset
  let modules: [Module: Asset]

  init() throws {
    stylesheet = try Asset(
      "portal", "css", "text/css; charset=utf-8",
      PackageResources.base_css + PackageResources.frame_css + PackageResources.controls_css
        + PackageResources.pieces_css + PackageResources.tables_css)
    mark = try Asset("mark", "svg", "image/svg+xml", PackageResources.mark_svg)
    var modules: [Module: Asset] = [:]
    for module in Module.allCases {
      modules[module] = try Asset(
        module.rawValue, "js", "text/javascript; charset=utf-8", module.bytes)
    }
    self.modules = modules
  }

  func paths(of wanted: [Module]) -> [String] { wanted.compactMap { modules[$0]?.path } }

  func routes() throws(PathTemplate.Failure) -> [Edge.Route] {
    var routes: [Edge.Route] = []
    for asset in [stylesheet, mark] + modules.values {
      routes.append(
        try Edge.Route(["GET"], asset.path, .plain) { asset.response(to: $0.headers) })
    }
    let mark = mark
    return routes + [
      // Browsers ask for it of themselves.
      try Edge.Route(["GET"], "/favicon.ico", .plain) { mark.response(to: $0.headers) },
      try Edge.Route(["GET"], "/robots.txt", .plain) { _ in
        Response(
          status: .ok, headers: [.contentType: "text/plain; charset=utf-8"],
          body: .init(byteBuffer: ByteBuffer(string: "User-agent: *\nDisallow: /\n")))
      },
    ]
  }
}
