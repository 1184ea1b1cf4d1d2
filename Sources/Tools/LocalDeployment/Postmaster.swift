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

/// Where a cluster's Unix socket lives, derived from the cluster's directory alone.
struct SocketLocation: Sendable {
  /// `sun_path` holds 108 bytes with its terminator (unix(7)).
  static let pathBytesMax = 107

  let directory: String
  let port: Int

  /// - Parameter isShared: users connect who can't enter the cluster's directory, nor perhaps those
  ///   above it; /run is root's alone.
  init(clusterDirectory: String, isShared: Bool = false) {
    // FNV-1a: must only be the same in every run; a collision costs nothing but a clear error.
    let hash = clusterDirectory.utf8.reduce(0xcbf2_9ce4_8422_2325 as UInt64) {
      ($0 ^ UInt64($1)) &* 0x100_0000_01b3
    }
    port = 49_152 + Int(hash % 16_000)
    let beside = clusterDirectory + "/socket"
    let isShort = "\(beside)/.s.PGSQL.\(port)".utf8.count <= Self.pathBytesMax
    // Commas and quotes separate directories in PostgreSQL's setting and hosts in libpq's URL.
    let isPlain = !beside.contains { ",'\"\\".contains($0) }
    let name = "chatelaine-" + String(hash, radix: 16)
    if isShared {
      directory = (access("/run", W_OK) == 0 ? "/run/" : "/tmp/") + name
    } else {
      directory = isShort && isPlain ? beside : "/tmp/" + name
    }
  }
}
