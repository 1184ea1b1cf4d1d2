import Encodings
import HTTP2
import RPC

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
      append("grpc-message".utf8, PercentCoding.bytes(of: error.message, keeping: .visible))
    }
    if let details = StatusDetails.encode(error) {
      append("grpc-status-details-bin".utf8, Base64.standard.digits(of: details))
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

/// A response's header or trailer fields, read as gRPC's.
struct ResponseHead {
  /// Nil if there was no `grpc-status`; then inside, nil for OK.
  private(set) var status: RPCError??
  private(set) var metadata = Metadata()
  private(set) var isGRPC = false
  private(set) var httpStatus: Int?
  /// How compressed messages are compressed; nil when it is by a way that we don't know.
  private(set) var encoding: MessageEncoding? = .identity

  init(_ block: HeaderBlock) {
    guard !block.isTooLarge else {
      status = RPCError(.resourceExhausted, "the response's header fields are too large")
      return
    }
    var code: [UInt8]?
    var message = ""
    var details: [UInt8]?
    var failure: RPCError?
    block.forEach { name, value in
      if name.isText(":status") {
        httpStatus = Int(String(decoding: value, as: UTF8.self))
      } else if name.isText("content-type") {
        isGRPC = value.starts(with: "application/grpc".utf8)
      } else if name.isText("grpc-status") {
        code = Array(value)
      } else if name.isText("grpc-encoding") {
        encoding = MessageEncoding(rawValue: String(decoding: value, as: UTF8.self))
      } else if name.isText("grpc-message") {
        message = PercentCoding.decodeLeniently(value)
      } else if name.isText("grpc-status-details-bin") {
        details = Base64.standard.decode(value, padding: .optional)
      } else {
        do throws(RPCError) {
          try metadata.appendField(name: name, value: value)
        } catch {
          failure = error
        }
      }
    }
    if let failure {
      status = .some(failure)
    } else if let code {
      var error = code.withUnsafeBytes {
        RPCError.decode(status: $0, message: message, details: details)
      }
      error?.metadata = metadata
      status = .some(error)
    }
  }
}
