import Foundation
import LocalDeployment
import TestSupport

/// The ids of the children of `parent` whose program has this name, from /proc.
func children(of parent: Int32, named name: String) throws -> [Int32] {
  try processes().filter { $0.parent == parent && $0.name == name }.map(\.id)
}

/// The postmaster of the stack's private cluster and all of its backends.
func postgresProcesses(of stack: RunningStack) throws -> [Int32] {
  let all = try processes()
  var found = Set(all.filter { $0.parent == stack.processID && $0.name == "postgres" }.map(\.id))
  for process in all where found.contains(process.parent) { found.insert(process.id) }
  return found.sorted()
}

private func processes() throws -> [(id: Int32, parent: Int32, name: String)] {
  try FileManager.default.contentsOfDirectory(atPath: "/proc").compactMap { entry in
    guard let id = Int32(entry),
      let stat = try? String(contentsOfFile: "/proc/\(entry)/stat", encoding: .utf8),
      let open = stat.firstIndex(of: "("), let close = stat.lastIndex(of: ")")
    else { return nil }
    let fields = stat[stat.index(after: close)...].split(separator: " ")
    guard fields.count > 1, let parent = Int32(fields[1]) else { return nil }
    return (id, parent, String(stat[stat.index(after: open)..<close]))
  }
}

/// The stack's database as an attacker with a backup would read it.
enum Database {
  static func dump(of stack: RunningStack) async throws -> String {
    try await StateDirectory(stack.stateDirectory).cluster().dump(database: "chatelaine")
  }
}
