/// The four services, in the order in which they start.
package enum ServiceName: String, CaseIterable, Sendable {
  case audit, auth, vault, gateway

  /// Certificates are issued for each service and for the operator's command line.
  package static let operatorCertificate = "operator"

  /// The services whose addresses this one must know, so those start first.
  var dependencies: [ServiceName] {
    switch self {
    case .audit: []
    case .auth, .vault: [.audit]
    case .gateway: [.auth, .vault, .audit]
    }
  }

  /// Each stage starts together once the one before is ready; stopping goes backwards, so that
  /// nobody loses a service that it still calls.
  static let stages: [[ServiceName]] = [[.audit], [.auth, .vault], [.gateway]]

  /// Nil for the gateway, which owns no data.
  var schema: String? { self == .gateway ? nil : rawValue }
}
