import Synchronization

/// Files that are looked at between two pages, and are too large for a cookie.
///
/// Sealed for their session (`SessionSeal`), so that this process can't read what it keeps. Another
/// gateway has them not: whoever runs several sends a browser to one of them for ten minutes
/// (DEPLOYMENT.md).
final class KeptFiles: Sendable {
  /// With the largest file, 64 MiB.
  static let filesMax = 1_000
  /// Of one account; another one takes the place of the oldest.
  static let filesPerAccountMax = 4

  private struct File {
    let id: String
    let account: String
    let sealed: String
    let begin: ContinuousClock.Instant
  }

  /// The oldest first.
  private let files = Mutex<[File]>([])

  /// Returns the id to ask for it by.
  func keep(_ sealed: String, of account: String) -> String {
    let file = File(id: OnceForms.newID(), account: account, sealed: sealed, begin: .now)
    files.withLock { files in
      Self.sweep(&files, at: file.begin)
      if files.count(where: { $0.account == account }) >= Self.filesPerAccountMax,
        let oldest = files.firstIndex(where: { $0.account == account })
      {
        files.remove(at: oldest)
      } else if files.count >= Self.filesMax {
        files.removeFirst()
      }
      files.append(file)
    }
    return file.id
  }

  /// Nil for what is over, another account's, or another gateway's.
  func sealed(_ id: String, of account: String) -> String? {
    files.withLock { files in
      Self.sweep(&files, at: .now)
      return files.first { $0.id == id && $0.account == account }?.sealed
    }
  }

  func forget(_ id: String, of account: String) {
    files.withLock { $0.removeAll { $0.id == id && $0.account == account } }
  }

  private static func sweep(_ files: inout [File], at now: ContinuousClock.Instant) {
    let lifetime: Duration = .seconds(SessionSeal.lifetimeSeconds)
    files.removeFirst(files.prefix { $0.begin.duration(to: now) >= lifetime }.count)
  }
}
