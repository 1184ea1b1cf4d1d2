import Protobuf

extension RPCError {
  /// What a stream of the answer's trailers say: nil stands for OK.
  ///
  /// An unknown code is UNKNOWN (gRPC, "statuscodes").
  package static func decode(
    status: UnsafeRawBufferPointer, message: String, details: [UInt8]?
  ) -> RPCError? {
    let isNumber =
      (1...4).contains(status.count)
      && status.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    let number = isNumber ? Int(String(decoding: status, as: UTF8.self)) : nil
    let code = number.flatMap(Code.init(rawValue:)) ?? .unknown
    guard code != .ok else { return nil }
    return RPCError(code, message, details: details.map(StatusDetails.decode) ?? [])
  }

  /// The failure that an HTTP answer from something that isn't a gRPC server stands for
  /// (gRPC, "http-grpc-status-mapping").
  package init(httpStatus: Int) {
    let code: Code =
      switch httpStatus {
      case 400, 431: .internal
      case 401: .unauthenticated
      case 403: .permissionDenied
      case 404: .unimplemented
      case 429, 502, 503, 504: .unavailable
      default: .unknown
      }
    self.init(code, "the server answered HTTP status \(httpStatus)")
  }

  /// The failure that RST_STREAM with an HTTP/2 error code stands for (gRPC, "PROTOCOL-HTTP2").
  package init(http2Code: UInt32) {
    let (code, words): (Code, String) =
      switch http2Code {
      case 0x7: (.unavailable, "the server refused the stream")
      case 0x8: (.cancelled, "the server cancelled the stream")
      case 0xB: (.resourceExhausted, "the server asked for calm")
      case 0xC: (.permissionDenied, "the server finds the connection insecure")
      default: (.internal, "the server reset the stream (HTTP/2 error \(http2Code))")
      }
    self.init(code, words)
  }

  /// What the peer may know of `error`; anything that doesn't say is INTERNAL, its words for the
  /// log.
  package init(answering error: any Error) {
    switch error {
    case let error as any RPCErrorConvertible: self = error.rpcError
    case is CancellationError: self.init(.cancelled, "the call was cancelled")
    default: self.init(.internal, "internal error", detail: String(reflecting: error))
    }
  }
}

/// The value of `grpc-status-details-bin`: a packed `google.rpc.Status`.
package enum StatusDetails {
  /// More details than any of our services sends; a peer's further ones are skipped.
  private static let detailsMax = 64

  /// Nil when there are no details to send.
  package static func encode(_ error: RPCError) -> [UInt8]? {
    guard !error.details.isEmpty else { return nil }
    let status = RpcAPI.Status(
      code: Int32(error.code.rawValue), message: error.message,
      details: error.details.map(pack(_:)))
    return status.packed()
  }

  private static func pack(_ detail: ErrorDetail) -> AnyMessage {
    switch detail {
    case .badRequest(let field, let description):
      AnyMessage(
        packing: RpcAPI.BadRequest(
          fieldViolations: [.init(field: field, description: description)]))
    case .retryInfo(let delay):
      AnyMessage(packing: RpcAPI.RetryInfo(retryDelay: ProtoDuration(delay)))
    case .errorInfo(let reason, let domain):
      AnyMessage(packing: RpcAPI.ErrorInfo(reason: reason, domain: domain))
    }
  }

  /// Details of known types; others, and malformed ones, are skipped: the status itself counts.
  package static func decode(_ bytes: [UInt8]) -> [ErrorDetail] {
    guard let status = try? RpcAPI.Status(unpacking: bytes) else { return [] }
    return status.details.prefix(detailsMax).flatMap(unpack(_:))
  }

  private static func unpack(_ any: AnyMessage) -> [ErrorDetail] {
    if let request = try? any.unpacked(as: RpcAPI.BadRequest.self) {
      return request.fieldViolations.prefix(detailsMax).map {
        .badRequest(field: $0.field, description: $0.description)
      }
    }
    if let info = try? any.unpacked(as: RpcAPI.RetryInfo.self) {
      return [.retryInfo(delay: info.retryDelay?.duration ?? .zero)]
    }
    if let info = try? any.unpacked(as: RpcAPI.ErrorInfo.self) {
      return [.errorInfo(reason: info.reason, domain: info.domain)]
    }
    return []
  }
}
