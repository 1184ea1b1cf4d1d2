internal import Protobuf

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
