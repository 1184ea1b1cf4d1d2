import Cryptography
import Edge
import Encodings
import HTTPTypes
import HummingbirdCore
import NIOCore

/// The stylesheet and the mark, under names that change with their content, so that browsers may
/// keep them for ever.
struct StaticAssets: Sendable {
  struct Asset: Sendable {
    let path: String
    let contentType: String
    let body: ByteBuffer

    init(_ name: String, _ suffix: String, _ contentType: String, _ bytes: [UInt8]) {
      let version = Hex.encode(SHA256Digest.hash(bytes).prefix(6))
      path = "/assets/\(name)-\(version).\(suffix)"
      self.contentType = contentType
      body = ByteBuffer(bytes: bytes)
    }
  }

  let stylesheet = Asset("portal", "css", "text/css; charset=utf-8", PackageResources.portal_css)
  let mark = Asset("mark", "svg", "image/svg+xml", PackageResources.mark_svg)

  func routes() throws(PathTemplate.Failure) -> [Edge.Route] {
    var routes: [Edge.Route] = []
    for asset in [stylesheet, mark] {
      routes.append(
        try Edge.Route(["GET"], asset.path, .plain) { _ in
          Response(
            status: .ok,
            headers: [
              .contentType: asset.contentType,
              .cacheControl: "public, max-age=31536000, immutable",
            ], body: .init(byteBuffer: asset.body))
        })
    }
    return routes
  }
}
