import Foundation
import ServiceAPI

/// Shows how far a walk through all rows is: a line that changes on a terminal, a line now and then
/// in a pipe, or an object of each answer.
struct KeyProgress {
  /// Between two lines in a pipe.
  private static let lineInterval: Duration = .seconds(5)
  private static let barWidth = 24

  private let verb: String
  private let isJSON: Bool
  private let start = ContinuousClock.now
  private var lastLine = ContinuousClock.now
  private var doneAtStart: Int64?

  init(_ verb: String, json: Bool) {
    self.verb = verb
    isJSON = json
  }

  mutating func show(_ answer: VaultAPI.RotateKeysResponse) {
    guard let rotation = answer.rotation else { return }
    if isJSON { return printObject(rotation.endTime == nil ? "progress" : "done", rotation) }
    show(
      done: rotation.rowsDone, failed: rotation.rowsFailed,
      total: max(rotation.rowsTotal, rotation.rowsDone))
  }

  mutating func show(_ answer: VaultAPI.VerifyKeysResponse) {
    if isJSON {
      let fields: [(String, Any)] = [
        ("phase", verb), ("state", answer.isComplete ? "done" : "progress"),
        ("rowsTotal", answer.rowsTotal), ("rowsOpened", answer.rowsOpened),
        ("rowsFailed", answer.rowsFailed), ("failedIds", answer.failedIds),
      ]
      return Terminal.print(JSONLine.text(fields))
    }
    show(done: answer.rowsOpened, failed: answer.rowsFailed, total: answer.rowsTotal)
  }

  /// Takes the passing line away.
  func end() {
    if !isJSON, Terminal.isInteractive { Terminal.showPassing("") }
  }

  private func printObject(_ state: String, _ rotation: VaultAPI.Rotation) {
    Terminal.print(
      JSONLine.text([
        ("phase", verb), ("state", state), ("keyId", rotation.keyId),
        ("rowsTotal", rotation.rowsTotal), ("rowsDone", rotation.rowsDone),
        ("rowsFailed", rotation.rowsFailed),
      ]))
  }

  private mutating func show(done: Int64, failed: Int64, total: Int64) {
    let begun = doneAtStart ?? done
    doneAtStart = begun
    let seconds = max(0.001, start.duration(to: .now) / .seconds(1))
    let rate = Double(done - begun) / seconds
    let left = Double(max(0, total - done - failed))
    let text = Self.text(verb, done: done, failed: failed, total: total, rate: rate, left: left)
    if Terminal.isInteractive {
      Terminal.showPassing(Self.bar(done: done + failed, total: total) + " " + text)
    } else if lastLine.duration(to: .now) >= Self.lineInterval {
      lastLine = .now
      Terminal.print(text)
    }
  }

  /// E.g. `rotating: 12400 of 100000 · 2100/s · 42 s left`.
  static func text(
    _ verb: String, done: Int64, failed: Int64, total: Int64, rate: Double, left: Double
  ) -> String {
    var parts = ["\(verb): \(done) of \(total)"]
    if failed > 0 { parts.append("\(failed) don't open") }
    if let rounded = Int(exactly: rate.rounded()), rounded > 0 {
      parts.append("\(rounded)/s")
      if let seconds = Int(exactly: (left / rate).rounded(.up)) {
        parts.append("\(seconds) s left")
      }
    }
    return parts.joined(separator: " · ")
  }

  private static func bar(done: Int64, total: Int64) -> String {
    let filled = total == 0 ? barWidth : Int(Int64(barWidth) * min(done, total) / total)
    return "[" + String(repeating: "#", count: filled)
      + String(repeating: "-", count: barWidth - filled) + "]"
  }
}

/// One JSON object on one line, its members in their order.
enum JSONLine {
  /// Strings, numbers, flags and arrays of strings; nothing else is asked for.
  static func text(_ fields: [(String, Any)]) -> String {
    let members = fields.map { name, value in "\(encoded(name)):\(encoded(value))" }
    return "{" + members.joined(separator: ",") + "}"
  }

  private static func encoded(_ value: Any) -> String {
    let data = try? JSONSerialization.data(
      withJSONObject: value, options: [.fragmentsAllowed, .withoutEscapingSlashes])
    return data.map { String(decoding: $0, as: UTF8.self) } ?? "null"
  }
}
