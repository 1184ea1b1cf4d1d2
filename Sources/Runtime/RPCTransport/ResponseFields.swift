internal import HTTP2
internal import RPC

/// The header and trailer fields that a server sends.
enum ResponseFields {
  private static let initial = FixedHeaderFields([
    (":status", "200"), ("content-type", "application/grpc"),
  ])
  private static let success = FixedHeaderFields([("grpc-status", "0")])

  private static let initialWithGzip = FixedHeaderFields([
    (":status", "200"), ("content-type", "application/grpc"), ("grpc-encoding", "gzip"),
  ])

  /// Those of most answers.
  static let plain = HeaderFields(initial)
  static let plainSuccess = HeaderFields(success)

  static func initial(_ metadata: Metadata, encoding: MessageEncoding) -> HeaderFields {
    var fields = HeaderFields(encoding == .gzip ? initialWithGzip : initial)
    fields.append(metadata)
    return fields
  }

  static func success(_ metadata: Metadata) -> HeaderFields {
    var fields = HeaderFields(success)
    fields.append(metadata)
    return fields
  }

  /// The status of a call that has sent its initial fields.
  static func failure(_ error: RPCError, trailing: Metadata) -> HeaderFields {
    var fields = HeaderFields()
    fields.append(error)
    fields.append(trailing)
    return fields
  }

  /// An answer of header fields only ("Trailers-Only").
  static func failure(_ error: RPCError, initial: Metadata, trailing: Metadata) -> HeaderFields {
    var fields = HeaderFields(Self.initial)
    fields.append(error)
    fields.append(initial)
    fields.append(trailing)
    return fields
  }

  /// An answer to something that isn't a gRPC request.
  static func http(status: String) -> HeaderFields {
    var fields = HeaderFields()
    fields.append(":status", status, isIndexed: true)
    fields.append("content-type", "text/plain; charset=utf-8", isIndexed: true)
    if status == "405" { fields.append("allow", "POST", isIndexed: true) }
    return fields
  }
}

extension HeaderFields {
  fileprivate mutating func append(_ error: RPCError) {
    append("grpc-status", String(error.code.rawValue), isIndexed: true)
    if !error.message.isEmpty {
      append("grpc-message".utf8, PercentEncoding.encode(error.message))
    }
    if let details = StatusDetails.encode(error) {
      append("grpc-status-details-bin".utf8, BinaryField.encode(details))
    }
    if error.code == .unimplemented {
      append("grpc-accept-encoding", MessageEncoding.accepted, isIndexed: true)
    }
    append(error.metadata)
  }

  /// Values of metadata are never put into the HPACK table: they may be secrets.
  mutating func append(_ metadata: Metadata) {
    guard !metadata.isEmpty else { return }
    metadata.forEachField { append($0, $1) }
  }
}
