import ArgumentParser
import Foundation

/// Which entries of a person's own audit log; the filters are those of the API.
struct AuditFilter: ParsableArguments {
  @Option(help: "Only this action, such as credential.use, or all that begin so: credential.*")
  var action: String?

  @Option(help: "Only success, failure or denied.")
  var outcome: Outcome?

  @Option(
    help: "Only from this moment on, such as 2026-12-01, 2026-12-01T10:00:00Z, or 30m, 7d ago.")
  var since: AuditMoment?

  @Option(help: "Only before this moment.")
  var until: AuditMoment?

  @Option(help: "Only what was done with this access token or session, by its id.")
  var credential: String?

  @Option(help: "Only what was done to this, by its id.")
  var target: String?

  @Option(help: "Only from this IP address.")
  var ip: String?

  @Option(help: "Only entries that hold this text: in names, program, details.")
  var text: String?

  enum Outcome: String, ExpressibleByArgument, CaseIterable {
    case success, failure, denied
  }

  /// The list of these entries, newest first.
  var path: String { path(since: since?.text) }

  func path(since: String?) -> String {
    "/api/v1/audit-events"
      + QueryText.query([
        ("action", action), ("outcome", outcome?.rawValue.uppercased()), ("since", since),
        ("until", until?.text), ("credentialId", credential), ("targetId", target),
        ("ipAddress", ip), ("text", text),
      ])
  }
}

/// A moment as the API takes it (RFC 3339).
struct AuditMoment: ExpressibleByArgument {
  private static let secondsPerUnit: [Character: Double] = [
    "s": 1, "m": 60, "h": 3_600, "d": 86_400,
  ]
  /// A hundred years: what lies further back is a slip.
  private static let agoSecondsMax = 3_155_760_000.0

  let text: String

  init?(argument: String) {
    if let unit = argument.last.flatMap({ Self.secondsPerUnit[$0] }),
      let count = Double(argument.dropLast()), count >= 0, count * unit <= Self.agoSecondsMax
    {
      text = Date(timeIntervalSinceNow: -count * unit).ISO8601Format()
    } else if (try? Date(argument, strategy: .iso8601)) != nil {
      text = argument
    } else if (try? Date("\(argument)T00:00:00Z", strategy: .iso8601)) != nil {
      text = "\(argument)T00:00:00Z"
    } else {
      return nil
    }
  }
}

/// An entry as a line for a person, or as the JSON that the portal gives.
struct AuditLine {
  let sequence: Int
  let time: String
  private let event: [String: Any]

  init(_ event: [String: Any]) {
    self.event = event
    sequence = Int(event["sequence"] as? String ?? "") ?? 0
    time = event["time"] as? String ?? ""
  }

  /// One line, its names sorted.
  func json() throws -> String {
    let data = try JSONSerialization.data(
      withJSONObject: event, options: [.sortedKeys, .withoutEscapingSlashes])
    return String(decoding: data, as: UTF8.self)
  }

  var text: String {
    func word(_ object: String, _ member: String) -> String {
      (event[object] as? [String: Any])?[member] as? String ?? ""
    }
    let outcome = (event["outcome"] as? String ?? "").lowercased()
    let target = [word("target", "type"), word("target", "name")].filter { !$0.isEmpty }
    let words = [
      time, outcome.padding(toLength: 7, withPad: " ", startingAt: 0),
      event["action"] as? String ?? "", target.joined(separator: " "),
      "by \(word("actor", "name"))", event["ipAddress"] as? String ?? "",
    ]
    return Terminal.printable(words.filter { !$0.isEmpty }.joined(separator: "  "))
  }

  func line(json: Bool) throws -> String { json ? try self.json() : text }
}
