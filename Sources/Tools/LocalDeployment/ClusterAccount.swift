import Foundation

/// Which user the cluster's processes run as, and how a command becomes that user.
///
/// PostgreSQL refuses root. Run as root, the cluster therefore belongs to the `postgres` user of
/// the Debian package; everybody else's cluster is their own.
struct ClusterAccount: Sendable {
  static let name = "postgres"
  /// What root needs to start processes of another user, end them and read their files.
  private static let needed: [Capability] = [.chown, .dacOverride, .kill, .setGID, .setUID]
  /// setpriv takes names only.
  private static let signalNames = [SIGINT: "INT", SIGTERM: "TERM", SIGKILL: "KILL"]

  let userID: uid_t
  let groupID: gid_t
  /// False when the cluster simply runs as the user who runs us.
  let isSwitched: Bool

  init() throws {
    guard geteuid() == 0 else {
      (userID, groupID, isSwitched) = (geteuid(), getegid(), false)
      return
    }
    guard let entry = getpwnam(Self.name), entry.pointee.pw_uid != 0 else {
      throw DeploymentError.environment(
        "running as root needs the user '\(Self.name)' to run PostgreSQL, which refuses root; "
          + "the Debian package postgresql creates it")
    }
    let lacking = Self.needed.filter { !$0.isIn("CapEff:") }
    guard lacking.isEmpty else {
      let names = lacking.map(\.name).joined(separator: ", ")
      throw DeploymentError.environment(
        "PostgreSQL refuses root, and this process may not run it as the user '\(Self.name)': it "
          + "lacks \(names); run it as an ordinary user instead")
    }
    (userID, groupID, isSwitched) = (entry.pointee.pw_uid, entry.pointee.pw_gid, true)
  }

  /// The command as this account, for a cluster in `directory`.
  ///
  /// When a parent of `directory` is closed to the account (`mktemp -d` and root's home are 0700),
  /// the process gets CAP_DAC_READ_SEARCH, and only then: with it PostgreSQL could read any file.
  func command(_ command: Command, reaching directory: String) throws -> Command {
    guard isSwitched else { return command }
    let setpriv = "/usr/bin/setpriv"
    guard access(setpriv, X_OK) == 0 else {
      throw DeploymentError.missingProgram(name: "setpriv", package: "util-linux")
    }
    var options = ["--reuid", "\(userID)", "--regid", "\(groupID)", "--clear-groups"]
    if let closed = closedParent(of: directory) {
      try requireReadSearch(because: closed)
      let capability = "-all,+dac_read_search"
      options += ["--inh-caps", capability, "--ambient-caps", capability]
    } else {
      options += ["--inh-caps", "-all"]
    }
    // Changing the user clears the parent-death signal, so setpriv sets it again afterwards.
    if let signal = Self.signalNames[command.parentDeathSignal] {
      options += ["--pdeathsig", signal]
    }
    var switched = command
    switched.path = setpriv
    switched.arguments = options + ["--", command.path] + command.arguments
    return switched
  }

  /// Gives a directory to the account.
  func own(_ path: String) throws {
    guard isSwitched else { return }
    guard chown(path, userID, groupID) == 0 else { throw SecretFile.failure(path) }
  }

  /// Lets the account pass through a directory that stays ours: 0710 with the account's group.
  func allowTraversal(_ path: String) throws {
    guard isSwitched else { return }
    guard chown(path, geteuid(), groupID) == 0, chmod(path, 0o710) == 0 else {
      throw SecretFile.failure(path)
    }
  }

  /// The first directory from the root to `path`'s parent which the account cannot pass through.
  private func closedParent(of path: String) -> String? {
    var parent = ""
    for component in path.split(separator: "/").dropLast() {
      parent += "/" + component
      var status = stat()
      guard stat(parent, &status) == 0 else { return parent }
      let bit: mode_t =
        status.st_uid == userID ? S_IXUSR : status.st_gid == groupID ? S_IXGRP : S_IXOTH
      if status.st_mode & bit == 0 { return parent }
    }
    return nil
  }

  private func requireReadSearch(because closed: String) throws {
    guard Capability.dacReadSearch.isIn("CapPrm:"), Capability.dacReadSearch.isIn("CapBnd:") else {
      throw DeploymentError.environment(
        "the user '\(Self.name)', who runs PostgreSQL, cannot pass through \(closed), and this "
          + "process lacks CAP_DAC_READ_SEARCH to let it; choose a state directory elsewhere or "
          + "run: chmod o+x \(closed)")
    }
  }
}

/// A part of root's rights (capabilities(7)), by its number.
private enum Capability: UInt64 {
  case chown = 0
  case dacOverride = 1
  /// Pass through and read directories without permission.
  case dacReadSearch = 2
  case kill = 5
  case setGID = 6
  case setUID = 7

  var name: String {
    switch self {
    case .chown: "CAP_CHOWN"
    case .dacOverride: "CAP_DAC_OVERRIDE"
    case .dacReadSearch: "CAP_DAC_READ_SEARCH"
    case .kill: "CAP_KILL"
    case .setGID: "CAP_SETGID"
    case .setUID: "CAP_SETUID"
    }
  }

  /// Whether a set of this process, by its name in /proc/self/status, has it.
  func isIn(_ set: String) -> Bool {
    let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let line = status.split(separator: "\n").first { $0.hasPrefix(set) } ?? ""
    let mask = UInt64(line.dropFirst(set.count).trimmingCharacters(in: .whitespaces), radix: 16)
    return mask.map { $0 & (1 << rawValue) != 0 } ?? false
  }
}

extension ClusterAccount {
  /// Creates the socket's directory for the account: with mode 0700, or, for services with users of
  /// their own, 0710 with the group that they share.
  ///
  /// It may lie in /tmp, where anybody can put something in its place first: what is there must be
  /// a real directory of the account, and nobody else's, or the start fails.
  func prepareSocketDirectory(_ path: String, isShared: Bool) throws {
    if mkdir(path, 0o700) == 0 {
      try own(path)
    } else if errno != EEXIST {
      throw SecretFile.failure(path)
    }
    var status = stat()
    guard lstat(path, &status) == 0 else { throw SecretFile.failure(path) }
    guard status.st_mode & S_IFMT == S_IFDIR, status.st_uid == userID,
      [0o700, 0o710].contains(status.st_mode & 0o777)
    else {
      throw DeploymentError.file(
        path: path, reason: "is not a closed directory that belongs to user \(userID)")
    }
    let group = isShared ? ServiceAccount.databaseGroupID : status.st_gid
    guard lchown(path, userID, group) == 0, chmod(path, isShared ? 0o710 : 0o700) == 0 else {
      throw SecretFile.failure(path)
    }
  }
}
