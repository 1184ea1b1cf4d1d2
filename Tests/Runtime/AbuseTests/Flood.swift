import Foundation

/// The same frames again and again on one connection.
struct Flood: Sendable {
  /// Far more than any budget.
  static let repetitions = 40_000
  /// How long a server may take to hang up after the last frame.
  private static let patience: Duration = .seconds(2)

  /// What is sent at once: a flood in large pieces is read in large pieces.
  enum Piece: Int, CaseIterable, Sendable {
    case small = 20
    case large = 4000
  }

  /// How a flood ended.
  struct Outcome: CustomStringConvertible, Sendable {
    /// Repetitions that had left when the cut was noticed.
    let sent: Int
    let isCut: Bool
    let heard: Heard

    /// Repetitions, each on a stream of its own, that the server has looked at.
    var streamsTaken: Int {
      let highest = max(heard.highestStream, heard.goAway?.lastStream ?? 0)
      return (highest + 1) / 2
    }

    var description: String {
      let goAway = heard.goAway.map { "GOAWAY \($0.code) after stream \($0.lastStream)" }
      return "\(isCut ? "cut" : "NOT CUT"), \(sent) sent, \(streamsTaken) streams, "
        + "\(heard.pingAnswers) pings and \(heard.settingsAnswers) settings answered, "
        + "\(heard.resets.count) resets, \(goAway ?? "no GOAWAY")"
    }
  }

  /// Sends until the server hangs up, at most `repetitions` times; answers are read meanwhile.
  ///
  /// Between pieces it waits a moment for the server's verdict, so that `sent` is not far above
  /// what the server has read.
  static func run(
    on connection: AttackConnection, _ piece: Piece, repetitions: Int = Flood.repetitions,
    _ frames: (_ index: Int) -> [UInt8]
  ) -> Outcome {
    var sent = 0
    while sent < repetitions, !connection.isCut {
      let next = min(sent + piece.rawValue, repetitions)
      var bytes: [UInt8] = []
      for index in sent..<next { bytes += frames(index) }
      connection.send(bytes)
      sent = next
      connection.wait(for: .milliseconds(1))
    }
    connection.wait(for: patience)
    return Outcome(sent: sent, isCut: connection.isCut, heard: connection.heard)
  }

  /// The stream of a repetition that opens one.
  static func stream(_ index: Int) -> Int { 2 * index + 1 }
}
