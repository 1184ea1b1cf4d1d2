import Outbox
import Protobuf
import Receipts
import ServiceAPI
import Vault

extension VaultAPI.RecordUsesRequest {
  /// The ends of uses that `signer` knows; more than a batch may hold are left for the use case to
  /// refuse.
  func ends(_ signer: UseTicketSigner) -> [UseEnd] {
    uses.prefix(VaultService.usesPerBatchMax + 1).compactMap { UseEnd($0, signer) }
  }
}

extension UseEnd {
  /// Nil for a ticket that isn't one of ours, and for figures that no use has.
  init?(_ end: VaultAPI.UseEnd, _ signer: UseTicketSigner) {
    guard let content = signer.content(of: end.useTicket),
      let event = try? AuditAPI.AuditEvent(unpacking: content), let resolve = Receipt(event)
    else { return nil }
    self.init(
      of: resolve, status: Int(end.status), failure: Failure(end.failure),
      firstByteMilliseconds: end.firstByteMilliseconds.map { Int($0) },
      milliseconds: Int(end.milliseconds), requestBytes: Int(end.requestBytes),
      responseBytes: Int(end.responseBytes))
  }
}

extension UseEnd.Failure {
  /// A failure that a newer gateway knows is one all the same.
  fileprivate init?(_ failure: VaultAPI.UseEnd.Failure) {
    switch failure {
    case .unspecified: return nil
    case .notSent: self = .notSent
    case .unreachable: self = .unreachable
    case .timedOut: self = .timedOut
    case .brokenOff: self = .brokenOff
    case .clientLeft: self = .clientLeft
    case .requestIncomplete: self = .requestIncomplete
    case .requestTooLarge: self = .requestTooLarge
    case .revoked: self = .revoked
    case .answerRefused: self = .answerRefused
    case .gatewayFailed, .unrecognized: self = .gatewayFailed
    }
  }
}
