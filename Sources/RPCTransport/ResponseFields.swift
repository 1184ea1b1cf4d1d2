internal import HTTP2
internal import RPC

/// The header and trailer fields that a server sends.
enum ResponseFields {
  private static let initial = FixedHeaderFields([
    (":status", "200"), ("content-type", "application/grpc"),
  ])
  private static let success = FixedHeaderFields([("grpc-status", "0")])

  static func initial(_ metadata: Metadata) -> HeaderFields {
    var fields = HeaderFields(initial)
    fields.append(metadata)
    return fields
  }

  static func success(_ metadata: Metadata) -> HeaderFields {
    var fields = HeaderFields(success)
    fields.append(metadata)
    return fields
  }

  /// An answer of header fields only ("Trailers-Only").
  static func failure(_ error: RPCError, initial: Metadata, trailing: Metadata) -> HeaderFields {
    var fields = HeaderFields(Self.initial)
    fields.append("grpc-status", String(error.code.rawValue), isIndexed: true)
    if !error.message.isEmpty {
      fields.append("grpc-message".utf8, PercentEncoding.encode(error.message))
    }
    if let details = StatusDetails.encode(error) {
      fields.append("grpc-status-details-bin".utf8, BinaryField.encode(details))
    }
    if error.code == .unimplemented {
      fields.append("grpc-accept-encoding", "identity", isIndexed: true)
    }
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
  /// Values of metadata are never put into the HPACK table: they may be secrets.
  mutating func append(_ metadata: Metadata) {
    guard !metadata.isEmpty else { return }
    metadata.forEachField { append($0, $1) }
  }
}
