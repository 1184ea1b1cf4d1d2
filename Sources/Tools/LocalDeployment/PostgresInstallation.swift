import Foundation

/// The PostgreSQL programs of this machine.
struct PostgresInstallation: Sendable {
  /// Older releases lack what the cluster's set-up uses.
  static let majorMin = 14
  private static let debianRoot = "/usr/lib/postgresql"

  /// Directory that holds `initdb`, `postgres` and `psql` of one release.
  let binaries: String

  /// The newest release under Debian's root, else the one on `PATH`.
  ///
  /// - Parameter major: the release of an existing cluster, which only that release can open.
  init(major: Int? = nil) throws {
    let installed = (try? FileManager.default.contentsOfDirectory(atPath: Self.debianRoot)) ?? []
    let releases = installed.compactMap(Int.init)
      .filter { $0 >= Self.majorMin && (major == nil || $0 == major) }
      .sorted(by: >)
    let candidates =
      releases.map { "\(Self.debianRoot)/\($0)/bin" }
      + (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map(String.init)
    let complete = candidates.first { directory in
      ["initdb", "postgres", "psql"].allSatisfy { access("\(directory)/\($0)", X_OK) == 0 }
    }
    guard let complete else {
      throw DeploymentError.missingProgram(
        name: "PostgreSQL \(major.map(String.init) ?? "\(Self.majorMin) or newer")",
        package: major.map { "postgresql-\($0)" } ?? "postgresql")
    }
    binaries = complete
  }

  func path(_ program: String) -> String { "\(binaries)/\(program)" }
}
