import Cryptography
import FoundationEssentials
import Identity
package import Receipts
import UseCases

/// How one use of a key ended, as the gateway that made it tells.
package struct UseEnd: Sendable, Hashable {
  /// Why it is none that went well; the raw value is the reason in the receipt.
  package enum Failure: String, Sendable, Hashable, CaseIterable {
    /// The provider's own status says so: 400 or more.
    case errorStatus = "error-status"
    case notSent = "not-sent"
    case unreachable
    case timedOut = "timed-out"
    case brokenOff = "broken-off"
    case clientLeft = "client-left"
    case requestIncomplete = "request-incomplete"
    case requestTooLarge = "request-too-large"
    case revoked
    case answerRefused = "answer-refused"
    case gatewayFailed = "gateway-failed"
  }

  /// The longest use that is believed, in milliseconds: 90 days, since WebSockets have no end.
  package static let millisecondsMax = 90 * 86_400_000

  /// What was committed before the key was given out.
  package let resolve: Receipt
  /// The provider's; 0 when no answer came.
  package let status: Int
  package let failure: Failure?
  /// From the resolve to the answer's head; nil when no answer came.
  package let firstByteMilliseconds: Int?
  /// From the resolve to the end.
  package let milliseconds: Int
  package let requestBytes: Int
  package let responseBytes: Int
  /// What the answer means for the key; nil where it says nothing about it.
  package let keyState: KeyState?
  /// Nil where the use was none of a model, or its figures can't be.
  package let modelUse: ModelUse?

  /// - Parameter keyState: where more is known than the status tells.
  ///
  /// Nil for a receipt that isn't a resolve's or a test's, and for figures that no use has.
  package init?(
    of resolve: Receipt, status: Int, failure: Failure?, firstByteMilliseconds: Int?,
    milliseconds: Int, requestBytes: Int, responseBytes: Int, keyState: KeyState? = nil,
    modelUse: ModelUse? = nil
  ) {
    let isAnswered = status == 101 || (200...999).contains(status)
    let times = 0...Self.millisecondsMax
    guard [.credentialResolve, .credentialTest].contains(resolve.action),
      resolve.outcome == .success,
      isAnswered || status == 0 && failure != nil, times.contains(milliseconds),
      firstByteMilliseconds.map(times.contains) != false, requestBytes >= 0, responseBytes >= 0
    else { return nil }
    self.resolve = resolve
    self.status = status
    self.failure = failure ?? (status >= 400 ? .errorStatus : nil)
    self.firstByteMilliseconds = firstByteMilliseconds
    self.milliseconds = milliseconds
    self.requestBytes = requestBytes
    self.responseBytes = responseBytes
    self.keyState = keyState ?? KeyState(status: status, failure: failure)
    self.modelUse = modelUse
  }

  /// Names the key that was used; 0 where a vault of an earlier version gave it out.
  var keyVersion: Int {
    if case .number(let version)? = resolve.details[Entry.keyVersion] { version } else { 0 }
  }
}

/// Signs what a resolve gives out for the end of its use to come back with, so that nobody can tell
/// of a use that never was.
///
/// The code is HMAC-SHA256 under a key that is derived from the master key: every vault of a
/// deployment takes what another gave, and so does one that has been started again. A ticket holds
/// nothing that its receiver didn't know, and is good for one entry of the log: the entry's id
/// follows from the resolve's.
package struct UseTicketSigner: Sendable {
  private static let label = Array("chatelaine use ticket".utf8)

  /// Also those of former master keys, for uses that began before a rotation.
  private let keys: [SecretBytes]

  /// - Parameter masterKeys: the current one first.
  init(masterKeys: [MasterKey]) {
    keys = masterKeys.map {
      SecretBytes(copying: HMACSHA256.authenticationCode(for: Self.label, key: $0.bytes))
    }
  }

  /// The ticket for `content`: it, behind its authentication code.
  package func sign(_ content: [UInt8]) -> [UInt8] {
    guard let key = keys.first else { return [] }
    return HMACSHA256.authenticationCode(for: content, key: key) + content
  }

  /// What a ticket was made for; nil for one of nobody's or another deployment's.
  package func content(of ticket: [UInt8]) -> [UInt8]? {
    guard ticket.count > HMACSHA256.byteCount else { return nil }
    let code = Array(ticket.prefix(HMACSHA256.byteCount))
    let content = Array(ticket.dropFirst(HMACSHA256.byteCount))
    return keys.contains { HMACSHA256.isValid(code, for: content, key: $0) } ? content : nil
  }
}
