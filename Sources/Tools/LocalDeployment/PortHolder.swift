import Foundation

/// Who listens on a port of this machine, for whoever wanted it too.
enum PortHolder {
  /// Ports below need a privilege.
  private static let unprivilegedPortMin = 1_024

  /// What to tell of a port of 127.0.0.1 that can't be listened on.
  static func refusal(of port: Int) -> String {
    let next = "choose another with --port"
    if let holder = name(ofListenerOn: port) {
      return "port \(port) of 127.0.0.1 is in use by \(holder); \(next)"
    }
    return port < unprivilegedPortMin
      ? "port \(port) needs a privilege that this user lacks; \(next), 1024 or above"
      : "port \(port) of 127.0.0.1 is in use by a process of another user; \(next)"
  }

  /// E.g. `gateway (pid 26073)`; nil when nobody listens, or the process is not ours to see.
  static func name(ofListenerOn port: Int) -> String? {
    let sockets = Set(["/proc/net/tcp", "/proc/net/tcp6"].flatMap { listeners(in: $0, on: port) })
    guard !sockets.isEmpty else { return nil }
    let processes = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    for id in processes.compactMap({ Int32($0) }) where holds(id, sockets) {
      let name = (try? String(contentsOfFile: "/proc/\(id)/comm", encoding: .utf8)) ?? "a process"
      return "\(name.trimmingCharacters(in: .whitespacesAndNewlines)) (pid \(id))"
    }
    return nil
  }

  /// The inodes of sockets in state LISTEN (0A) on this port, as proc(5) has them.
  private static func listeners(in table: String, on port: Int) -> [String] {
    let text = (try? String(contentsOfFile: table, encoding: .utf8)) ?? ""
    let suffix = ":" + String(format: "%04X", port)
    return text.split(separator: "\n").dropFirst().compactMap { line in
      let fields = line.split(separator: " ")
      guard fields.count > 9, fields[1].hasSuffix(suffix), fields[3] == "0A" else { return nil }
      return "socket:[\(fields[9])]"
    }
  }

  private static func holds(_ process: Int32, _ sockets: Set<String>) -> Bool {
    let folder = "/proc/\(process)/fd"
    let descriptors = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return descriptors.contains { descriptor in
      let target = try? FileManager.default.destinationOfSymbolicLink(
        atPath: "\(folder)/\(descriptor)")
      return target.map(sockets.contains) == true
    }
  }
}
