package import Edge
import HTTPTypes
import NIOCore

/// `/api/openapi.json`: the OpenAPI document of the JSON API, generated from the `.proto` files.
package enum OpenAPIRoutes {
  /// The document as it is served.
  package static var document: [UInt8] { PackageResources.openapi_json }

  package static func routes() throws(PathTemplate.Failure) -> [Edge.Route] {
    let body = ByteBuffer(bytes: document)
    return [
      try Edge.Route(["GET"], "/api/openapi.json", .plain) { _ in
        Response(
          status: .ok, headers: [.contentType: "application/json"],
          body: .init(byteBuffer: body))
      }
    ]
  }
}
