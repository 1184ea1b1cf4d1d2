import Metering
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

extension VaultAPI.ResolveCredentialRequest {
  /// What was committed for the use that the provider has refused; nil when none is named.
  func refused(_ signer: UseTicketSigner) throws(VaultError) -> Receipt? {
    guard !refusedTicket.isEmpty else { return nil }
    guard let content = signer.content(of: refusedTicket),
      let event = try? AuditAPI.AuditEvent(unpacking: content), let resolve = Receipt(event)
    else { throw .invalid(.refusedTicket, reason: "is none of this vault's") }
    return resolve
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
      responseBytes: Int(end.responseBytes), keyState: KeyState(end.keyState),
      modelUse: end.modelUse.flatMap { ModelUse($0) })
  }
}

extension ModelUse {
  /// Nil for figures that no use has; the use counts all the same.
  fileprivate init?(_ use: VaultAPI.ModelUse) {
    self.init(
      model: use.model,
      // What a newer gateway tells apart.
      operation: Metering.Operation(rawValue: use.operation) ?? .other,
      tokens: use.tokens.map {
        TokenCounts(input: Int($0.input), output: Int($0.output), cached: Int($0.cached))
      },
      nanodollars: use.costNanodollars.map { Int($0) })
  }
}

extension KeyState {
  /// Nil for what a newer gateway knows, too: then the status alone speaks.
  fileprivate init?(_ state: VaultAPI.KeyState) {
    switch state {
    case .valid: self = .valid
    case .refused: self = .refused
    case .noCredit: self = .noCredit
    case .rateLimited: self = .rateLimited
    case .unreachable: self = .unreachable
    case .unspecified, .unrecognized: return nil
    }
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
