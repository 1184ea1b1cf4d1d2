import Glibc

/// What the kernel knows of this process: the numbers behind Prometheus's `process_*`.
package struct ProcessStatistics: Sendable {
  /// In bytes.
  package let residentMemory: Double
  package let virtualMemory: Double
  /// User and system together, in seconds.
  package let processorTime: Double
  package let threadCount: Double
  package let openDescriptors: Double
  package let descriptorsMax: Double

  /// Reads /proc; nil where it isn't mounted.
  package init?() {
    guard let stat = Self.read("/proc/self/stat"),
      // The command's name, in parentheses, may hold anything.
      let end = stat.utf8.lastIndex(of: UInt8(ascii: ")"))
    else { return nil }
    // Field 3, the state, is the first one here (proc(5)).
    let fields = stat[stat.utf8.index(after: end)...].utf8.split(separator: UInt8(ascii: " "))
      .map { Double(String(Substring($0))) ?? 0 }
    guard fields.count > 21 else { return nil }
    let ticks = Double(max(1, sysconf(Int32(_SC_CLK_TCK))))
    processorTime = (fields[11] + fields[12]) / ticks
    threadCount = fields[17]
    virtualMemory = fields[20]
    residentMemory = fields[21] * Double(max(1, sysconf(Int32(_SC_PAGESIZE))))
    openDescriptors = Self.entryCount("/proc/self/fd")
    var limit = rlimit()
    getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    descriptorsMax = Double(limit.rlim_cur)
  }

  /// Without the descriptor by which they are counted.
  private static func entryCount(_ path: String) -> Double {
    guard let directory = opendir(path) else { return 0 }
    defer { closedir(directory) }
    var count = -3.0
    while readdir(directory) != nil { count += 1 }
    return max(0, count)
  }

  private static func read(_ path: String) -> String? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 4_096)
    let count = Glibc.read(descriptor, &bytes, bytes.count)
    return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : nil
  }
}
