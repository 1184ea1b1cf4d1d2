internal import HTTP2
internal import RPC

/// A request's header fields, read as a gRPC call; a refusal says how HTTP or gRPC answers it.
struct RequestHead {
  /// Why a request is no call of ours.
  enum Refusal: Error {
    /// Not a gRPC request: an HTTP status and a sentence.
    case http(status: String, reason: String)
    case status(RPCError)
  }

  let route: Route
  let timeout: Duration?
  let metadata: Metadata
  /// How the client's compressed messages are compressed.
  let encoding: MessageEncoding
  /// Responses may be compressed.
  let acceptsGzip: Bool

  init(_ header: HeaderBlock, router: Router) throws(Refusal) {
    guard !header.isTooLarge else {
      throw .http(status: "431", reason: "the header fields are too large")
    }
    var fields = Fields()
    header.forEach { name, value in fields.take(name, value, router) }
    guard fields.isPost else { throw .http(status: "405", reason: "gRPC calls use POST") }
    guard fields.isGRPC else {
      throw .http(status: "415", reason: "the content-type must be application/grpc")
    }
    guard fields.acceptsTrailers else {
      throw .http(status: "400", reason: "gRPC calls need \"te: trailers\"")
    }
    if let failure = fields.failure { throw .status(failure) }
    guard let route = fields.route else {
      throw .status(router.unimplemented(header[":path"] ?? ""))
    }
    self.route = route
    timeout = fields.timeout
    metadata = fields.metadata
    encoding = fields.encoding
    acceptsGzip = fields.acceptsGzip
  }
}

/// What is gathered in one pass over the fields.
private struct Fields {
  private static let contentType = Array("application/grpc".utf8)

  var isPost = false
  var isGRPC = false
  var acceptsTrailers = false
  var route: Route?
  var timeout: Duration?
  var metadata = Metadata()
  var encoding = MessageEncoding.identity
  var acceptsGzip = false
  var failure: RPCError?

  mutating func take(
    _ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, _ router: Router
  ) {
    switch name.count {
    case 2 where name.isText("te"):
      acceptsTrailers = value.isText("trailers")
    case 5 where name.isText(":path"):
      route = router.route(value)
    case 7 where name.isText(":method"):
      isPost = value.isText("POST")
    case 12 where name.isText("content-type"):
      isGRPC = Self.isGRPC(value)
    case 12 where name.isText("grpc-timeout"):
      timeout = TimeoutField.decode(value)
      if timeout == nil { failure = RPCError(.internal, "malformed grpc-timeout") }
    case 13 where name.isText("grpc-encoding"):
      take(encoding: value)
    case 20 where name.isText("grpc-accept-encoding"):
      acceptsGzip = Self.containsGzip(value)
    default:
      do {
        try metadata.appendField(name: name, value: value)
      } catch {
        failure = error
      }
    }
  }

  private mutating func take(encoding value: UnsafeRawBufferPointer) {
    if value.isText("gzip") {
      encoding = .gzip
    } else if !value.isText("identity") {
      failure = RPCError(.unimplemented, "this grpc-encoding is not supported")
    }
  }

  /// Whether a comma-separated list names gzip.
  private static func containsGzip(_ list: UnsafeRawBufferPointer) -> Bool {
    list.split(separator: UInt8(ascii: ",")).contains { item in
      item.drop { $0 == UInt8(ascii: " ") }.elementsEqual("gzip".utf8)
    }
  }

  /// `application/grpc`, alone or followed by `+` or `;` (PROTOCOL-HTTP2, "Content-Type").
  static func isGRPC(_ value: UnsafeRawBufferPointer) -> Bool {
    guard value.starts(with: contentType) else { return false }
    return value.count == contentType.count
      || value[contentType.count] == UInt8(ascii: "+")
      || value[contentType.count] == UInt8(ascii: ";")
  }
}

extension UnsafeRawBufferPointer {
  /// Compares with a constant without making a `String`.
  func isText(_ text: StaticString) -> Bool {
    count == text.utf8CodeUnitCount
      && elementsEqual(UnsafeRawBufferPointer(start: text.utf8Start, count: count))
  }
}
