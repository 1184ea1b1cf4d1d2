import Files
import Foundation

/// Whom a service runs as.
///
/// As root each service gets a user of its own: `chatelaine-<service>` where a package has made it,
/// else a number that neither Debian nor systemd gives to anybody
/// ([decision 32](docs/decisions/0032-a-user-for-each-service.md)).
struct ServiceAccount: Sendable, Equatable {
  /// The group of those who may reach the database's socket.
  static let databaseGroupID: gid_t = 65_520
  private static let numbers: [ServiceName: uid_t] = [
    .auth: 65_521, .vault: 65_522, .audit: 65_523, .gateway: 65_524,
  ]

  let userID: uid_t
  let groupID: gid_t
  /// Beside `groupID`.
  let groups: [gid_t]
  /// False when the service runs as whoever runs us.
  let isSwitched: Bool

  /// Of whoever runs us.
  static var own: ServiceAccount {
    ServiceAccount(userID: geteuid(), groupID: getegid(), groups: [], isSwitched: false)
  }

  private init(userID: uid_t, groupID: gid_t, groups: [gid_t], isSwitched: Bool) {
    (self.userID, self.groupID) = (userID, groupID)
    (self.groups, self.isSwitched) = (groups, isSwitched)
  }

  /// The service's own, when this process may change users; else ours.
  init(of service: ServiceName) {
    let named = getpwnam("chatelaine-\(service.rawValue)")
    let number = Self.numbers[service] ?? geteuid()
    let ids = named.map { ($0.pointee.pw_uid, $0.pointee.pw_gid) } ?? (number, number)
    let groups = service.schema == nil ? [] : [Self.databaseGroupID]
    guard geteuid() == 0, ids.0 != 0, IDMap.user.contains(ids.0),
      (groups + [ids.1]).allSatisfy(IDMap.group.contains)
    else {
      self = .own
      return
    }
    self.init(userID: ids.0, groupID: ids.1, groups: groups, isSwitched: true)
  }

  // MARK: Files

  /// Of what the service reads: through its group, so that it can't change it.
  var reader: AtomicFile.Owner {
    AtomicFile.Owner(userID: geteuid(), groupID: isSwitched ? groupID : getegid())
  }

  /// Of what it writes.
  var writer: AtomicFile.Owner { AtomicFile.Owner(userID: userID, groupID: groupID) }

  var directoryMode: mode_t { isSwitched ? 0o750 : 0o700 }
  var fileMode: mode_t { isSwitched ? 0o440 : 0o400 }
}

/// The ids that this user namespace has (user_namespaces(7)); a container may lack most.
private struct IDMap {
  static let user = IDMap("/proc/self/uid_map")
  static let group = IDMap("/proc/self/gid_map")

  private let ranges: [Range<UInt64>]

  init(_ path: String) {
    let lines = (try? String(contentsOfFile: path, encoding: .utf8))?.split(separator: "\n") ?? []
    ranges = lines.compactMap { line in
      let numbers = line.split(separator: " ").compactMap { UInt64($0) }
      return numbers.count == 3 ? numbers[0]..<numbers[0] + numbers[2] : nil
    }
  }

  func contains(_ id: UInt32) -> Bool { ranges.contains { $0.contains(UInt64(id)) } }
}

/// What keeps the services of one machine apart.
package enum Separation: Sendable, Equatable {
  /// A user for each.
  case users
  /// One user, and what the kernel lets each process do with files.
  case landlock
  /// Each could read what the others read.
  case none

  /// Whom a service runs as.
  func account(of service: ServiceName) -> ServiceAccount {
    self == .users ? ServiceAccount(of: service) : .own
  }

  /// What holds for services that this process starts.
  package static var current: Separation {
    if ServiceName.allCases.allSatisfy({ ServiceAccount(of: $0).isSwitched }) { return .users }
    return FileRules.areKnown ? .landlock : .none
  }
}
