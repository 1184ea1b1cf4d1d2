import ArgumentParser
import Files
import Foundation

extension AuditCommand {
  /// `chatelaine audit query`: the newest entries.
  struct Query: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Print the newest entries of your own audit log.",
      discussion: "Needs a log-in ('chatelaine login') whose token may read the log.")

    @OptionGroup var filter: AuditFilter

    @Option(help: "As many entries at the most.")
    var limit = 50

    @Flag(help: "Print a JSON object for each entry, as the API gives it.")
    var json = false

    @OptionGroup var location: PortalLocation

    func validate() throws {
      guard (1...100_000).contains(limit) else {
        throw ValidationError("--limit must be a number from 1 to 100000")
      }
    }

    func run() throws {
      let session = try PersonSession(location, command: "audit query")
      var left = limit
      try session.pages(filter.path, size: min(limit, PortalPages.rows)) { page in
        for event in page["events"] as? [[String: Any]] ?? [] where left > 0 {
          Terminal.print(try AuditLine(event).line(json: json))
          left -= 1
        }
        return left > 0
      }
    }
  }

  /// `chatelaine audit export`: everything that matches, for other programs.
  struct Export: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Write all matching entries of your own audit log, a JSON object a line.",
      discussion: """
        Newest first, as the API gives them. What came while it ran is not among them. For entries \
        with proofs that they are in the log, get /api/v1/audit-log/proof and see `audit verify`.
        """)

    @Argument(help: "The file to write, readable for you only; - for standard output.")
    var file = "-"

    @OptionGroup var filter: AuditFilter

    @Flag(help: "Overwrite a file that is there.")
    var force = false

    @OptionGroup var location: PortalLocation

    func run() throws {
      guard force || file == "-" || access(file, F_OK) != 0 else {
        throw CommandError("\(file) is there already; --force overwrites it")
      }
      let session = try PersonSession(location, command: "audit export")
      var lines: [UInt8] = []
      var count = 0
      try session.pages(filter.path) { page in
        for event in page["events"] as? [[String: Any]] ?? [] {
          let line = try AuditLine(event).json()
          if file == "-" { Terminal.print(line) } else { lines += Array("\(line)\n".utf8) }
          count += 1
        }
        return true
      }
      guard file != "-" else { return }
      try AtomicFile.write(lines, to: file, mode: AtomicFile.modeForOwner)
      Terminal.report("\(count) \(count == 1 ? "entry is" : "entries are") in \(file)")
    }
  }

  /// `chatelaine audit tail`: entries as they come.
  struct Tail: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Print entries of your own audit log as they come, until Ctrl-C.",
      discussion: """
        Asks the portal again every --interval seconds. An entry appears when the service that \
        made it has delivered it, a moment after it happened; one that comes so late that fifty \
        newer ones were there before it is left out. Where the portal can't be reached it is asked \
        again.
        """)

    @OptionGroup var filter: AuditFilter

    @Option(help: "Begin with so many entries that are there already.")
    var lines = 10

    @Option(help: "Seconds between two questions, 1 to 3600.")
    var interval = 2

    @Flag(help: "Print a JSON object for each entry, as the API gives it.")
    var json = false

    @OptionGroup var location: PortalLocation

    func validate() throws {
      guard (0...1_000).contains(lines) else {
        throw ValidationError("--lines must be a number from 0 to 1000")
      }
      guard (1...3_600).contains(interval) else {
        throw ValidationError("--interval must be a number from 1 to 3600")
      }
    }

    func run() throws {
      let session = try PersonSession(location, command: "audit tail")
      let first = try newest(session) { $0.count < max(lines, 1) }
      for line in first.prefix(lines).reversed() { Terminal.print(try line.line(json: json)) }
      var last = first.first?.sequence ?? 0
      var isReachable = true
      while true {
        sleep(UInt32(interval))
        let fresh: [AuditLine]
        do {
          fresh = try newest(session) { $0.last.map { $0.sequence > last } ?? true }
          if !isReachable { Terminal.report("the portal answers again") }
          isReachable = true
        } catch let error as CommandError {
          if isReachable { Terminal.report("\(error); asking again") }
          isReachable = false
          continue
        } catch let problem as PortalProblem where problem.status >= 500 || problem.status == 429 {
          continue
        }
        for line in fresh.filter({ $0.sequence > last }).reversed() {
          Terminal.print(try line.line(json: json))
        }
        last = max(last, fresh.first?.sequence ?? 0)
      }
    }

    /// Entries, newest first, as many pages of them as `goesOn` wants.
    private func newest(
      _ session: PersonSession, while goesOn: ([AuditLine]) -> Bool
    ) throws -> [AuditLine] {
      var found: [AuditLine] = []
      try session.pages(filter.path, size: 50) { page in
        found += (page["events"] as? [[String: Any]] ?? []).map(AuditLine.init)
        return goesOn(found)
      }
      // The log is in the order of its numbers only as far as clocks agree.
      return found.sorted { $0.sequence > $1.sequence }
    }
  }
}
