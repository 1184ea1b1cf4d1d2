import CLinux
import Files
import Foundation

/// Which files a process may touch: what the kernel's Landlock (landlock(7), Linux 5.13) allows it
/// and what it starts, whoever owns the files.
///
/// It can't look into processes from outside of its rules either, nor, from Linux 6.12 on, send
/// them signals.
package struct FileRules: Sendable, Equatable {
  /// Files, and directories with all that is below.
  package var readable: [String]
  package var executable: [String]
  package var writable: [String]

  package init(readable: [String], executable: [String] = [], writable: [String] = []) {
    (self.readable, self.executable, self.writable) = (readable, executable, writable)
  }

  /// Whether this kernel can hold a process to rules.
  package static var areKnown: Bool { clinux_landlock_version() > 0 }

  /// What a service needs of the machine: its program, libraries, names, authorities, the clock.
  ///
  /// - Parameter environment: of the service; a variable that ends in `_FILE` names a file that it
  ///   may read.
  static func ofService(
    program: String, directory: ServiceDirectory, environment: [String: String]
  ) -> FileRules {
    let (libraries, interpreters) = mappedFiles()
    let named = environment.filter { $0.key.hasSuffix("_FILE") || $0.key == "SSL_CERT_DIR" }
    return FileRules(
      readable: system + libraries + named.values.filter { $0.hasPrefix("/") } + [directory.path],
      executable: [program] + interpreters + scriptInterpreter(of: program),
      writable: ["/dev/null", directory.runPath])
  }

  /// The last ones are where `/etc/resolv.conf` leads to, and the name service's cache.
  private static let system = [
    "/usr", "/lib", "/lib64", "/etc", "/proc", "/sys", "/dev/urandom", "/dev/random",
    "/run/systemd/resolve", "/run/resolvconf", "/run/nscd",
  ]

  /// What the first line of a script names (execve(2)); nothing for a program.
  private static func scriptInterpreter(of program: String) -> [String] {
    guard let file = FileHandle(forReadingAtPath: program),
      let head = try? file.read(upToCount: firstLineBytesMax), head.starts(with: "#!".utf8)
    else { return [] }
    let line = head.dropFirst(2).drop { $0 == UInt8(ascii: " ") }
    let path = line.prefix { !" \t\n".utf8.contains($0) }
    return [String(decoding: path, as: UTF8.self)]
  }

  /// As much as the kernel reads of a script's first line.
  private static let firstLineBytesMax = 256
  private static let mapsBytesMax = 16 << 20

  /// What this process has loaded: the directories of its libraries, where a service's lie too, and
  /// the program that loads them.
  private static func mappedFiles() -> (libraries: [String], interpreters: [String]) {
    // In pieces, as the kernel gives it: such a file has no length.
    let bytes = (try? SmallFile.read("/proc/self/maps", bytesMax: mapsBytesMax)).flatMap(\.self)
    let maps = String(decoding: bytes ?? [], as: UTF8.self)
    let paths = Set(
      maps.split(separator: "\n").compactMap { line in
        line.firstIndex(of: "/").map { String(line[$0...]) }
      })
    let libraries = paths.filter { $0.contains(".so") }
      .map { URL(fileURLWithPath: $0).deletingLastPathComponent().path }
    let interpreters = paths.filter {
      URL(fileURLWithPath: $0).lastPathComponent.hasPrefix("ld-")
    }
    return (Set(libraries).sorted(), interpreters.sorted())
  }

  /// The rules as the kernel takes them; nil where it knows none. The caller closes the descriptor.
  ///
  /// What isn't there can't be allowed and isn't missed.
  func descriptor() throws -> Int32? {
    guard Self.areKnown else { return nil }
    let ruleset = clinux_landlock_ruleset()
    guard ruleset >= 0 else { throw Self.failure("landlock") }
    let kinds = [
      (readable, CLINUX_READ), (executable, CLINUX_READ_EXECUTE), (writable, CLINUX_READ_WRITE),
    ]
    for (paths, kind) in kinds {
      for path in paths where clinux_landlock_allow(ruleset, path, kind) != 0 {
        guard errno == ENOENT || errno == EACCES || errno == ENOTDIR else {
          defer { close(ruleset) }
          throw Self.failure(path)
        }
      }
    }
    return ruleset
  }

  private static func failure(_ path: String) -> DeploymentError { SecretFile.failure(path) }
}
