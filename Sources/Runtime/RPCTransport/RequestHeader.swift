import HTTP2
import NIOCore
import RPC

/// A request's header fields, read as a gRPC call; a refusal says how HTTP or gRPC answers it.
struct RequestHead {
  /// Why a request is no call of ours.
  enum Refusal: Error {
    /// Not a gRPC request: an HTTP status and a sentence.
    case http(status: String, reason: String)
    case status(RPCError)
  }

  let route: Route
  let timeout: TimeAmount?
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
    if let failure = fields.failures.first { throw .status(failure) }
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
  private static let contentType: StaticString = "application/grpc"

  var isPost = false
  var isGRPC = false
  var acceptsTrailers = false
  var route: Route?
  var timeout: TimeAmount?
  var metadata = Metadata()
  var encoding = MessageEncoding.identity
  var acceptsGzip = false
  /// A list, as an empty one costs nothing.
  var failures: [RPCError] = []

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
      timeout = TimeoutField.decode(value)?.timeAmount
      if timeout == nil { failures.append(RPCError(.internal, "malformed grpc-timeout")) }
    case 13 where name.isText("grpc-encoding"):
      take(encoding: value)
    case 20 where name.isText("grpc-accept-encoding"):
      acceptsGzip = Self.containsGzip(value)
    case 7 where name.isText(":scheme"), 10 where name.isText(":authority"),
      10 where name.isText("user-agent"), 14 where name.isText("content-length"):
      break
    default:
      do {
        try metadata.appendField(name: name, value: value)
      } catch {
        failures.append(error)
      }
    }
  }

  private mutating func take(encoding value: UnsafeRawBufferPointer) {
    if value.isText("gzip") {
      encoding = .gzip
    } else if !value.isText("identity") {
      failures.append(RPCError(.unimplemented, "this grpc-encoding is not supported"))
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
    let count = contentType.utf8CodeUnitCount
    guard value.count >= count,
      UnsafeRawBufferPointer(rebasing: value[..<count]).isText(contentType)
    else { return false }
    return value.count == count || value[count] == UInt8(ascii: "+")
      || value[count] == UInt8(ascii: ";")
  }
}

/// The header fields that a client sends.
struct RequestFields: Sendable {
  private let pseudo: FixedHeaderFields

  init(authority: String, isTLS: Bool) {
    pseudo = FixedHeaderFields([
      (":method", "POST"), (":scheme", isTLS ? "https" : "http"), (":authority", authority),
    ])
  }

  func fields(of call: ClientCall) -> HeaderFields {
    var fields = HeaderFields(pseudo)
    fields.append(":path", call.method.path, isIndexed: true)
    fields.append("te", "trailers", isIndexed: true)
    fields.append("content-type", "application/grpc", isIndexed: true)
    fields.append("user-agent", "grpc-swift-chatelaine", isIndexed: true)
    fields.append("grpc-accept-encoding", MessageEncoding.accepted, isIndexed: true)
    if call.options.encoding != .identity {
      fields.append("grpc-encoding", call.options.encoding.rawValue, isIndexed: true)
    }
    fields.append("grpc-timeout".utf8, TimeoutField.encode(call.deadline.remaining))
    fields.append(call.options.metadata)
    return fields
  }
}
