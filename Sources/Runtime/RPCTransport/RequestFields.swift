internal import HTTP2
internal import RPC

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
