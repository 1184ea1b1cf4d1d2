package import RPC
package import UseCases

extension RPCError {
  /// INVALID_ARGUMENT that names the request's field.
  package static func invalid(_ field: String, _ reason: String) -> RPCError {
    RPCError(
      .invalidArgument, "\(field) \(reason)",
      details: [.badRequest(field: field, description: reason)])
  }

  /// PERMISSION_DENIED; the reason in `google.rpc.ErrorInfo` is stable, clients may act on it.
  package static func denied(_ refusal: Refusal, domain: String) -> RPCError {
    RPCError(
      .permissionDenied, refusal.message,
      details: [.errorInfo(reason: refusal.errorReason, domain: domain)])
  }

  /// The reason in `google.rpc.ErrorInfo` of a change that was meant for something as it isn't any
  /// more; its code is ABORTED.
  package static let etagReason = "ETAG_MISMATCH"

  /// Whether a change was refused because its etag is not the current one.
  package var isEtagMismatch: Bool { code == .aborted && has(reason: Self.etagReason) }

  private static let storageFullReason = "STORAGE_FULL"
  /// Somebody has to make room first.
  private static let storageFullRetry: Duration = .seconds(5)

  /// RESOURCE_EXHAUSTED, which gRPC names for a full file system; told apart from a limit by its
  /// reason.
  package static var storageFull: RPCError {
    RPCError(
      .resourceExhausted, "the storage is full: nothing can be written until room is made",
      details: [
        .errorInfo(reason: storageFullReason, domain: "chatelaine"),
        .retryInfo(delay: storageFullRetry),
      ])
  }

  package var isStorageFull: Bool {
    code == .resourceExhausted && has(reason: Self.storageFullReason)
  }

  private func has(reason wanted: String) -> Bool {
    details.contains { detail in
      if case .errorInfo(let reason, _) = detail {
        reason.utf8.elementsEqual(wanted.utf8)
      } else {
        false
      }
    }
  }
}

extension Refusal {
  fileprivate var errorReason: String {
    switch self {
    case .missingScope: "MISSING_SCOPE"
    case .confirmationNeeded: "CONFIRMATION_NEEDED"
    case .missingRole: "MISSING_ROLE"
    case .wrongCredential: "WRONG_CREDENTIAL"
    case .moreThanOwn: "MORE_THAN_OWN"
    case .providerNotAllowed: "PROVIDER_NOT_ALLOWED"
    case .labelNotAllowed: "LABEL_NOT_ALLOWED"
    case .crossSite: "CROSS_SITE"
    case .peerNotAllowed: "PEER_NOT_ALLOWED"
    }
  }
}
