import Foundation

/// What `postmaster.pid` and /proc say about a cluster's server process.
struct Postmaster: Sendable {
  /// Absolute and free of symbolic links, as /proc shows it.
  let dataDirectory: String

  private var pidFile: String { dataDirectory + "/postmaster.pid" }

  /// The id in `postmaster.pid`, whether or not such a process lives.
  var recordedID: Int32? {
    lines.first.flatMap { Int32($0.trimmingCharacters(in: .whitespaces)) }
  }

  /// True once the server with this id accepts connections (its eighth line says so).
  func isReady(id: Int32) -> Bool {
    recordedID == id && lines.count >= 8
      && lines[7].trimmingCharacters(in: .whitespaces) == "ready"
  }

  /// Every process of this cluster: PostgreSQL's processes, the server first among them, work in
  /// the data directory. A recycled id therefore never passes for one of them.
  func processes() -> [Int32] {
    let entries = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return entries.compactMap(Int32.init).filter { id in
      (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(id)/cwd"))
        == dataDirectory
        && (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(id)/exe"))?
          .contains("postgres") == true
    }
  }

  /// Removes the record of a server that no longer lives.
  ///
  /// PostgreSQL does so itself unless another process has got the recorded id, in which case it
  /// would refuse to start for ever. Call only when `processes()` is empty.
  func removeStaleRecord() { unlink(pidFile) }

  private var lines: [String] {
    let text = (try? SecretFile.read(pidFile)).flatMap { $0 }.map {
      String(decoding: $0, as: UTF8.self)
    }
    return (text ?? "").split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
  }
}
