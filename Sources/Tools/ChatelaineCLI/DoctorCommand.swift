import ArgumentParser
import Foundation
import LocalDeployment

/// `chatelaine doctor`: everything that a deployment depends on, looked at once.
struct DoctorCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor",
    abstract: "Look at everything the deployment depends on, and say what to do.",
    discussion: """
      A line for each of: programs, clock, files, disk, master key, certificates, database, roles, \
      migrations, sealed keys, receipts, mails, services, portal. Nothing is changed; a database \
      of `chatelaine up` that doesn't run is started for the look and stopped again.

      Exit status 1 when something failed; warnings alone end with 0.
      """)

  @OptionGroup var location: DatabaseLocation

  @Flag(help: "Print one JSON object a line.")
  var json = false

  func run() async throws {
    let patient: Doctor.Patient =
      switch location.place {
      case .state(let state): .state(state)
      case .secrets(let layout): .secrets(layout)
      case .environment: .database(try DatabaseLocation.database(secretsDir: nil))
      }
    var failures = 0
    await Doctor(patient, binaries: try SupervisorOptions.ownDirectory()).examine { finding in
      if finding.verdict == .failed { failures += 1 }
      let line = json ? try? Terminal.json(finding, isLine: true) : nil
      Terminal.print(line ?? Self.text(of: finding))
    }
    if failures > 0 {
      throw CommandError(failures == 1 ? "one check failed" : "\(failures) checks failed")
    }
  }

  private static func text(of finding: Finding) -> String {
    let mark =
      switch finding.verdict {
      case .well: "ok     "
      case .warning: "warning"
      case .failed: "FAILED "
      }
    let check = finding.check.padding(toLength: 12, withPad: " ", startingAt: 0)
    let remedy = finding.remedy.map { "\n                      -> \($0)" } ?? ""
    return "\(mark) \(check)  \(finding.text)\(remedy)"
  }
}
