package import FoundationEssentials
package import Identity
package import Receipts

/// What a use case did, and by that which receipt it owes.
package enum Act<Value: Sendable>: Sendable {
  /// The entry's `success` receipt was committed together with the change.
  case committed(Value)
  /// It is done and nothing was written: the door commits the receipt before the value leaves.
  case succeeded(Value)
  /// The answer says no without being an error: the door commits a failure with this reason.
  case failed(Value, reason: String)
  /// Nothing was changed and no secret was opened: no receipt.
  case looked(Value)
}

/// An error of a service's domain, as the door sees it.
package protocol UseCaseError: Error {
  static func denied(_ refusal: Refusal) -> Self

  /// The reason in the receipt of a failure. Nil for input that never became an action, and where
  /// the service itself failed: then no receipt could be written either.
  var receiptReason: String? { get }

  /// The refusal that the use case itself pronounced; nil for every other error.
  var refusal: Refusal? { get }
}

/// The one way into the use cases of a service: authorise, act, record, in this order.
///
/// `scripts/check-rules` demands it of every `package func` of `AuthService`, `VaultService` and
/// `AuditService`. A refusal is committed before it is answered; a success is committed together
/// with its change, or before its value leaves; when a receipt can't be written, the caller gets
/// that failure and nothing else.
package struct Door<Failure: UseCaseError>: Sendable {
  private let record: @Sendable (Receipt) async throws(Failure) -> Void
  private let clock: @Sendable () -> Date

  /// `record` commits a receipt that goes with no change.
  package init(
    clock: @escaping @Sendable () -> Date,
    record: @escaping @Sendable (Receipt) async throws(Failure) -> Void
  ) {
    self.clock = clock
    self.record = record
  }

  /// Now, in the whole microseconds that the database holds: what is stored, shown and put into
  /// page tokens is the same moment.
  package var now: Date {
    Date(timeIntervalSince1970: (clock().timeIntervalSince1970 * 1_000_000).rounded() / 1_000_000)
  }

  /// Runs `body` if `principal` may do `action`, and sees to the receipt.
  ///
  /// `body` says in the entry what it is done to as soon as it knows, so that a failure names it.
  package func perform<Value: Sendable>(
    _ action: ReceiptAction, by principal: Principal, from origin: CallOrigin,
    _ body: (inout Entry) async throws(Failure) -> Act<Value>
  ) async throws(Failure) -> Value {
    let rule = Permissions.rule(for: action)
    var entry = Entry(action, by: principal, from: origin)
    if let refusal = Permissions.refusal(of: principal, rule, at: now) {
      if rule.leaves != .nothing { try await record(entry.denied(refusal, at: now)) }
      throw .denied(refusal)
    }
    let act: Act<Value>
    do {
      act = try await body(&entry)
    } catch {
      if let refusal = error.refusal {
        try await record(entry.denied(refusal, at: now))
      } else if rule.leaves == .everything, let reason = error.receiptReason {
        try await record(entry.failure(reason, at: now))
      }
      throw error
    }
    switch act {
    case .committed(let value), .looked(let value): return value
    case .succeeded(let value):
      try await record(entry.success(at: now))
      return value
    case .failed(let value, let reason):
      try await record(entry.failure(reason, at: now))
      return value
    }
  }

  /// For what follows from an action without anybody's asking for it, whose receipt is committed
  /// with that action: done by `service` itself.
  package func consequence(_ action: ReceiptAction, by service: String) -> Entry {
    Entry(action, by: .service(service), from: CallOrigin())
  }

  /// Records what was refused before it reached a use case: a forged request, a peer's call.
  package func refuse(
    _ action: ReceiptAction, by principal: Principal, from origin: CallOrigin,
    on target: Receipt.Target, because refusal: Refusal
  ) async throws(Failure) {
    var entry = Entry(action, by: principal, from: origin)
    entry.set(target)
    try await record(entry.denied(refusal, at: now))
  }
}

extension Receipt.Target {
  /// A method of a service, by its path.
  package static func method(_ path: String) -> Receipt.Target {
    Receipt.Target(type: "method", id: path, name: path)
  }
}
