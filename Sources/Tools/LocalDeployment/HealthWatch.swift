import Foundation

/// Notices a service that runs but no longer answers.
///
/// A process that was stopped (SIGSTOP) shows it, so one question without an answer is enough. One
/// that is silent for another reason may only wait for the processor: it gets `missesMax` questions
/// in a row. One that is being debugged is left alone.
package struct HealthWatch: Sendable {
  /// How patient the watch is.
  package struct Patience: Sendable {
    /// Between an answer and the next question.
    package var pause: Duration = .milliseconds(500)
    /// How long a question may take.
    package var timeout: Duration = .seconds(1)
    /// Questions in a row without an answer, of a process that isn't stopped.
    package var missesMax = 10

    package init() {}
  }

  let patience: Patience
  let probe: any HealthProbe

  /// Asks until the service has to be replaced, and says why; nil when the task was cancelled.
  func waitUntilSilent(_ processID: Int32) async -> String? {
    var misses = 0
    while !Task.isCancelled {
      do { try await Task.sleep(for: patience.pause) } catch { return nil }
      let asked = ContinuousClock.now
      if await probe.answers(within: patience.timeout) {
        misses = 0
        continue
      }
      // Whoever was held up itself, by a busy machine or one that slept, can't judge.
      guard !Task.isCancelled, asked.duration(to: .now) < patience.timeout * 2 else { continue }
      switch ProcessCondition(of: processID) {
      case .stopped: return "it is stopped and does not answer"
      case .debugged, .gone: misses = 0
      case .other:
        // One that drains listens no more, and takes its time.
        misses = await probe.isListening() ? misses + 1 : 0
        if misses >= patience.missesMax { return "it did not answer \(misses) questions in a row" }
      }
    }
    return nil
  }
}

/// How a service is asked whether it is there.
protocol HealthProbe: Sendable {
  /// Whether it answers anything at all; returns within about `timeout`.
  func answers(within timeout: Duration) async -> Bool
  /// Whether its port still takes connections, which the kernel does for a process that is stopped.
  func isListening() async -> Bool
}

/// What the kernel says of a process.
enum ProcessCondition: Equatable {
  /// By SIGSTOP or its like.
  case stopped
  /// Somebody traces it, and may have stopped it.
  case debugged
  case gone
  case other

  init(of id: Int32) {
    guard let status = try? String(contentsOfFile: "/proc/\(id)/status", encoding: .utf8) else {
      self = .gone
      return
    }
    func field(_ name: String) -> Substring {
      let line = status.split(separator: "\n").first { $0.hasPrefix(name + ":") } ?? ""
      return line.dropFirst(name.count + 1).drop(while: \.isWhitespace)
    }
    if field("TracerPid") != "0" {
      self = .debugged
    } else {
      self = field("State").hasPrefix("T") ? .stopped : .other
    }
  }
}
