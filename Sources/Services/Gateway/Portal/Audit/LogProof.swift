import Backend
import Edge
import ServiceAPI

/// Up to where the log is signed, and what a person can take away of that.
struct LogProof: Sendable {
  /// The JSON Lines that `chatelaine audit verify` reads.
  static let address = "/api/v1/audit-log/proof"

  /// When the newest checkpoint was signed.
  let time: Moment
  /// How many entries it is of, those of everybody together.
  let entries: String
  let href = LogProof.address
  private let size: Int64

  /// Nil while nothing is signed, or where nothing ever is.
  init?(_ checkpoint: AuditAPI.Checkpoint?) {
    guard let checkpoint, let time = checkpoint.time, checkpoint.size > 0 else { return nil }
    self.time = Moment(time)
    size = checkpoint.size
    entries = DayChart.grouped(Int(clamping: checkpoint.size))
  }

  /// Where one entry is got with its proof; nil for one that isn't signed yet.
  func href(of event: AuditAPI.AuditEvent) -> String? {
    guard (1...size).contains(event.sequence) else { return nil }
    return "\(Self.address)?id=\(event.id)"
  }

  /// Asks for the newest checkpoint; the page does without one when there is none.
  static func newest(_ exchange: Exchange, _ services: Services) async -> LogProof? {
    let checkpoint = try? await services.audit.getCheckpoint(
      AuditAPI.GetCheckpointRequest(), options: exchange.strangersOptions)
    return LogProof(checkpoint)
  }
}
