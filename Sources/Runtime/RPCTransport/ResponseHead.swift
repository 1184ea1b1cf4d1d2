internal import HTTP2
internal import RPC

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
        message = PercentEncoding.decode(value)
      } else if name.isText("grpc-status-details-bin") {
        details = BinaryField.decode(value)
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
