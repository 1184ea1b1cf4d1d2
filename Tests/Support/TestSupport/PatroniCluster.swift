import Foundation
import LocalDeployment
import NIOHTTP1
package import Postgres
import Synchronization

/// Two PostgreSQL servers that Patroni watches over, with a synchronous replica, and the etcd in
/// which they agree who leads.
///
/// On addresses of 127.0.0.0/8 that nobody else uses, so that the ports can be the usual ones.
package final class PatroniCluster: Sendable {
  /// How soon a leader that says nothing has lost its place; the least that Patroni's other times
  /// allow: `loop_wait` + 2 x `retry_timeout`.
  private static let leaseSeconds = 5
  private static let password = "patroni-test"

  package struct Node: Sendable {
    package let address: String
    let directory: String
    fileprivate let patroni: ChildProcess

    /// The server's main process; nil while there is none.
    var postmaster: Int32? {
      let text = try? String(contentsOfFile: directory + "/data/postmaster.pid", encoding: .utf8)
      return text?.split(separator: "\n").first.flatMap { Int32($0) }
    }

    /// Patroni, the server and all its processes.
    package func signal(_ number: Int32) {
      patroni.signal(number)
      guard let postmaster else { return }
      let list = "/proc/\(postmaster)/task/\(postmaster)/children"
      let children = (try? String(contentsOfFile: list, encoding: .utf8)) ?? ""
      for id in [postmaster] + children.split(separator: " ").compactMap({ Int32($0) }) {
        kill(id, number)
      }
    }
  }

  package let nodes: [Node]
  private let directory: String
  private let etcd: ChildProcess

  private init(nodes: [Node], directory: String, etcd: ChildProcess) {
    (self.nodes, self.directory, self.etcd) = (nodes, directory, etcd)
  }

  /// Returns when both serve and the second follows the first.
  package static func start() async throws -> PatroniCluster {
    let net = "127.\(Int.random(in: 1...254)).\(Int.random(in: 1...254))"
    let directory = FileManager.default.temporaryDirectory
      .appendingPathComponent("chatelaine-patroni-\(UUID().uuidString.prefix(8))").path
    try FileManager.default.createDirectory(
      atPath: directory, withIntermediateDirectories: true)
    try giveAway(directory)
    let etcd = try await spawn(
      "/usr/bin/etcd",
      [
        "--data-dir", directory + "/etcd", "--listen-client-urls", "http://\(net).9:2379",
        "--advertise-client-urls", "http://\(net).9:2379", "--listen-peer-urls",
        "http://\(net).9:2380", "--initial-advertise-peer-urls", "http://\(net).9:2380",
        "--initial-cluster", "default=http://\(net).9:2380", "--unsafe-no-fsync",
      ])
    var nodes: [Node] = []
    for number in 1...2 {
      let address = "\(net).\(number)"
      let home = "\(directory)/node\(number)"
      try FileManager.default.createDirectory(atPath: home, withIntermediateDirectories: true)
      try configuration(number, address, etcd: "\(net).9:2379", home).write(
        toFile: home + "/patroni.yml", atomically: false, encoding: .utf8)
      try giveAway(home)
      nodes.append(
        Node(
          address: address, directory: home,
          patroni: try await spawn("/usr/bin/patroni", [home + "/patroni.yml"])))
    }
    let cluster = PatroniCluster(nodes: nodes, directory: directory, etcd: etcd)
    try await cluster.waitForSynchronousReplica()
    return cluster
  }

  /// The administrator's, as an operator would write it: every node, and only one that takes
  /// writes.
  package var administratorURL: String {
    let hosts = nodes.map { $0.address + ":5432" }.joined(separator: ",")
    return "postgres://postgres:\(Self.password)@\(hosts)/postgres"
      + "?target_session_attrs=read-write&connect_timeout=2"
  }

  package func configuration() throws -> PostgresConfiguration {
    var configuration = try PostgresConfiguration(url: administratorURL)
    configuration.queryTimeout = .seconds(5)
    return configuration
  }

  /// The node that takes writes now.
  package func leader() async throws -> Node {
    while true {
      for node in nodes where try await isAnswered("/primary", by: node) { return node }
      try await Task.sleep(for: .milliseconds(50))
    }
  }

  /// Returns when a replica has everything that was acknowledged.
  package func waitForSynchronousReplica() async throws {
    while true {
      for node in nodes where try await isAnswered("/synchronous", by: node) { return }
      guard nodes.allSatisfy({ $0.patroni.exitIfEnded == nil }), etcd.exitIfEnded == nil else {
        throw StackError.didNotStart(output: "Patroni or etcd ended")
      }
      try await Task.sleep(for: .milliseconds(100))
    }
  }

  private func isAnswered(_ path: String, by node: Node) async throws -> Bool {
    try Task.checkCancellation()
    return await withTaskGroup(of: Bool.self) { tasks in
      tasks.addTask {
        let answer = try? await TestHTTPClient().send(
          .GET, "http://\(node.address):8008\(path)", headers: [:])
        return answer?.status == .ok
      }
      // A frozen node never says anything.
      tasks.addTask {
        try? await Task.sleep(for: .seconds(1))
        return false
      }
      defer { tasks.cancelAll() }
      return await tasks.next() ?? false
    }
  }

  package func stop() async {
    for node in nodes {
      node.signal(SIGKILL)
      node.signal(SIGCONT)
    }
    etcd.signal(SIGKILL)
    _ = await etcd.exit()
    for node in nodes { _ = await node.patroni.exit() }
    try? FileManager.default.removeItem(atPath: directory)
  }

  private static func spawn(_ path: String, _ arguments: [String]) async throws -> ChildProcess {
    var command = [path] + arguments
    if geteuid() == 0 {
      command =
        ["/usr/bin/setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]
        + command
    }
    return try await ChildProcess.spawn(
      Command(
        path: command[0], arguments: Array(command.dropFirst()),
        environment: ["PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "ETCD_UNSUPPORTED_ARCH": ""],
        workingDirectory: "/", parentDeathSignal: SIGKILL))
  }

  private static func giveAway(_ path: String) throws {
    guard geteuid() == 0, let user = getpwnam("postgres") else { return }
    try FileManager.default.setAttributes(
      [
        .ownerAccountID: NSNumber(value: user.pointee.pw_uid), .posixPermissions: 0o700,
        .groupOwnerAccountID: NSNumber(value: user.pointee.pw_gid),
      ], ofItemAtPath: path)
  }

  private static func configuration(
    _ number: Int, _ address: String, etcd: String, _ home: String
  ) throws -> String {
    let versions = try FileManager.default.contentsOfDirectory(atPath: "/usr/lib/postgresql")
    return """
      scope: chatelaine
      name: node\(number)
      restapi: {listen: "\(address):8008", connect_address: "\(address):8008"}
      etcd3: {host: "\(etcd)"}
      bootstrap:
        dcs:
          ttl: \(leaseSeconds)
          loop_wait: 1
          retry_timeout: 2
          maximum_lag_on_failover: 1048576
          primary_start_timeout: 0
          synchronous_mode: true
          postgresql:
            use_pg_rewind: true
        initdb: [{encoding: UTF8}, {locale: C.UTF-8}, no-sync]
        pg_hba:
        - host all all 127.0.0.0/8 scram-sha-256
        - host replication replicator 127.0.0.0/8 scram-sha-256
      postgresql:
        listen: "\(address):5432"
        connect_address: "\(address):5432"
        data_dir: \(home)/data
        bin_dir: /usr/lib/postgresql/\(versions.compactMap { Int($0) }.max() ?? 15)/bin
        pgpass: \(home)/pgpass
        authentication:
          superuser: {username: postgres, password: \(password)}
          replication: {username: replicator, password: \(password)}
        parameters: {unix_socket_directories: "", fsync: "off", max_connections: 50}
      """
  }
}
