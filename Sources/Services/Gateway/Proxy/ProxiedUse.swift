import Backend
import Edge
import Egress
import HTTPTypes
import Metering
import ServiceAPI
import Synchronization

/// One use of a key, from when the vault has opened it: how it ended is told to the vault, once.
///
/// One that nobody ends is a client's that left before its answer was written.
final class ProxiedUse: Sendable {
  typealias Failure = VaultAPI.UseEnd.Failure

  private struct State {
    var status = 0
    var firstByteMilliseconds: Int64?
    var isEnded = false
  }

  private let ticket: [UInt8]
  private let reports: UseReports
  private let asked: AskedUse
  private let start = ContinuousClock.now
  private let state = Mutex(State())

  /// - Parameter ticket: what the vault gave with the key.
  init(_ ticket: [UInt8], _ reports: UseReports, _ asked: AskedUse) {
    self.ticket = ticket
    self.reports = reports
    self.asked = asked
  }

  deinit { end(.clientLeft) }

  /// The provider's head is here.
  func isAnswered(_ status: HTTPResponse.Status) {
    let time = milliseconds
    state.withLock { state in
      state.status = status.code
      state.firstByteMilliseconds = time
    }
  }

  /// The use is over; only the first end counts.
  ///
  /// - Parameter meter: has seen as much of the answer as there was; nil where nothing can be read.
  func end(
    _ failure: Failure = .unspecified, requestBytes: Int = 0, responseBytes: Int = 0,
    meter: AnswerMeter? = nil
  ) {
    let time = milliseconds
    let end = state.withLock { state -> VaultAPI.UseEnd? in
      // A vault of an older version gives no tickets.
      guard !state.isEnded, !ticket.isEmpty else { return nil }
      state.isEnded = true
      return VaultAPI.UseEnd(
        useTicket: ticket, status: Int32(state.status), failure: failure,
        firstByteMilliseconds: state.firstByteMilliseconds, milliseconds: time,
        requestBytes: Int64(requestBytes), responseBytes: Int64(responseBytes),
        modelUse: asked.told(meter))
    }
    if let end { reports.add(end) }
  }

  /// The use is over because of an error on the way, or in the middle of the answer.
  func end(_ error: any Error, requestBytes: Int) {
    let isAnswered = state.withLock { $0.status > 0 }
    let failure =
      isAnswered && error is Problem ? Failure.answerRefused : Self.failure(error)
    end(failure, requestBytes: requestBytes)
  }

  private var milliseconds: Int64 { Int64(start.duration(to: .now) / .milliseconds(1)) }

  /// What an error on the way or in the middle of an answer means for the use.
  private static func failure(_ error: any Error) -> Failure {
    switch error {
    case let error as UpstreamError: failure(error)
    // Before the request was sent: its endpoint.
    case let problem as Problem:
      switch problem.status {
      case .badGateway, .serviceUnavailable: .unreachable
      default: .notSent
      }
    case is CancellationError: .clientLeft
    default: .gatewayFailed
    }
  }

  static func failure(_ error: UpstreamError) -> Failure {
    switch error {
    case .tooManyConnections, .malformedRequest, .refused, .needsHTTP1: .notSent
    case .connectFailed, .untrusted, .proxyFailed: .unreachable
    case .connectTimeout, .answerTimeout: .timedOut
    case .closedBeforeAnswer, .brokenOff, .malformedAnswer, .unreadableField: .brokenOff
    case .cancelled: .clientLeft
    case .request: .requestIncomplete
    case .requestTooLarge: .requestTooLarge
    case .stopped: .revoked
    }
  }
}
