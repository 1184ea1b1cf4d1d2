/// The value of `grpc-status-details-bin`: a packed `google.rpc.Status`.
package enum StatusDetails {
  /// Nil when there are no details to send.
  package static func encode(_ error: RPCError) -> [UInt8]? {
    nil
  }

  /// Details of known types; others, and malformed ones, are skipped: the status itself counts.
  package static func decode(_ bytes: [UInt8]) -> [ErrorDetail] {
    []
  }
}
