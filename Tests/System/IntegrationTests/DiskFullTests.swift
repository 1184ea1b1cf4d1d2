import Foundation
import LocalDeployment
import NIOHTTP1
import TestSupport
import Testing

/// A file system that is really full below PostgreSQL, and has room again.
@Suite(
  .serialized, .timeLimit(.minutes(6)),
  .enabled(if: SmallDisk.isPossible, "only root with CAP_SYS_ADMIN may mount a file system"))
struct DiskFullTests {
  @Test func aFullTableSpaceRefusesWritesInWordsAndLosesNothing() async throws {
    let disk = try await SmallDisk(mebibytes: 240)
    let log = try await SmallDisk(mebibytes: 240)
    let upstream = try await UpstreamServer.start()
    let first = try await RunningStack.start(stateDirectory: disk / "state")
    await first.stop()
    // Tables and log apart, so that only the tables find no room.
    let cluster = try StateDirectory(disk / "state").cluster()
    try log.take(cluster.dataDirectory + "/pg_wal")
    let stack = try await RunningStack.start(
      stateDirectory: disk / "state",
      environment: ["CHATELAINE_ENDPOINT_ALLOWLIST": upstream.authority])
    let writer = try await Writer(on: stack.address, upstream: upstream)
    try await writer.write { $0.kept.count < 10 && $0.used < 10 }

    try disk.fill()
    try await writer.write(atMost: 20_000) { !$0.statuses.contains(507) }
    #expect(writer.statuses.isSubset(of: [200, 201, 507]), "\(writer.statuses)")
    let refused = try #require(writer.refusal)
    #expect(refused.text.contains("the storage is full"), "\(refused.text)")
    #expect(refused.headers.first(name: "retry-after") != nil)
    let listed = try await writer.portal.send(.GET, "/api/v1/provider-configs")
    #expect(listed.status == 200)
    let ready = try await Admin.get("vault", "/readyz", of: stack)
    #expect(ready.status == 200 && ready.text.contains(#""storage":"full""#), "\(ready.text)")
    let metrics = try await Admin.get("vault", "/metrics", of: stack)
    #expect(metrics.text.contains("postgres_storage_full 1\n"))

    try disk.makeRoom()
    try await writer.writesAgain()
    let again = try await Admin.get("vault", "/readyz", of: stack)
    #expect(again.text.contains(#""storage":"ok""#), "\(again.text)")
    try await writer.findsWhatWasAcknowledged()
    await stack.stop()
    disk.remove()
    log.remove()
  }

  @Test func aBackupThatFindsNoRoomLeavesNothing() async throws {
    let place = try BackupPlace()
    defer { place.remove() }
    let stack = try await RunningStack.start()
    await stack.stop()
    let disk = try await SmallDisk(mebibytes: 1)
    try disk.fill()
    place.file = disk / "backup.age"
    let failed = try await place.backUp(stack.stateDirectory)
    #expect(failed.exit == .code(1))
    #expect(failed.output.contains("no space left on device"), "\(failed.output)")
    #expect(!failed.output.contains("backed up"))
    try disk.makeRoom()
    #expect(try FileManager.default.contentsOfDirectory(atPath: disk / "") == [])
    #expect(try await place.backUp(stack.stateDirectory).exit == .code(0))
    disk.remove()
    try? FileManager.default.removeItem(atPath: stack.stateDirectory)
  }

  @Test func aFullLogEndsPostgreSQLAndItComesBackByItself() async throws {
    let disk = try await SmallDisk(mebibytes: 240)
    let upstream = try await UpstreamServer.start()
    let stack = try await RunningStack.start(
      stateDirectory: disk / "state",
      environment: ["CHATELAINE_ENDPOINT_ALLOWLIST": upstream.authority])
    let writer = try await Writer(on: stack.address, upstream: upstream)
    try await writer.write { $0.kept.count < 10 && $0.used < 10 }

    try disk.fill()
    let cluster = try StateDirectory(disk / "state").cluster()
    try await writer.write(atMost: 20_000) { writer in
      // A new segment of the log each time, until there is no room for one.
      _ = try? await cluster.runScript("SELECT pg_switch_wal();")
      return !stack.printed.contains("PostgreSQL ended with")
    }
    #expect(writer.statuses.isSubset(of: [200, 201, 503, 504, 507]), "\(writer.statuses)")
    // The pages that need no database are served meanwhile.
    #expect(try await writer.portal.send(.GET, "/healthz").status == 200)

    try disk.makeRoom()
    try await writer.writesAgain()
    try await writer.findsWhatWasAcknowledged()
    #expect(stack.printed.contains("PostgreSQL runs again"), "\(stack.printed)")
    await stack.stop()
    disk.remove()
  }
}

/// Somebody who stores keys and uses one, and remembers what was answered.
private final class Writer {
  let portal: Portal
  private let program: Portal
  private let baseURL: String
  private var number = 0
  /// Ids of the configurations that were acknowledged.
  private(set) var kept: [String] = []
  /// Uses that were answered by the provider.
  private(set) var used = 0
  private(set) var statuses: Set<Int> = []
  /// The first answer that was 507.
  private(set) var refusal: Portal.Answer?

  init(on address: String, upstream: UpstreamServer) async throws {
    portal = Portal(address)
    _ = try await portal.signUpAndLogIn()
    program = Portal(address, bearer: try await portal.accessToken())
    baseURL = "http://\(upstream.authority)/v1"
  }

  /// Stores a key and uses the first one, again and again.
  func write(
    atMost count: Int = .max, while goesOn: (Writer) async throws -> Bool
  ) async throws {
    for _ in 0..<count {
      try await writeOnce()
      guard try await goesOn(self) else { return }
    }
    Issue.record("\(count) writes did not fill the disk")
  }

  private func writeOnce() async throws {
    // An account has room for a thousand, so the same one is stored anew.
    number += 1
    let isNew = kept.count < 50
    let answer =
      isNew
      ? try await portal.addKey(
        "custom", "sk-disk-0123456789abcdef", label: "key-\(number)", baseURL: baseURL)
      : try await portal.send(
        .PATCH, "/api/v1/provider-configs/\(kept[number % kept.count])",
        json: ["apiKey": "sk-disk-\(number)-0123456789"])
    note(answer)
    if answer.status == 201 { kept.append(answer.string("id")) }
    let use = try await program.send(.GET, "/proxy/custom/key-1/v1/models")
    note(use)
    if use.status == 200 { used += 1 }
  }

  private func note(_ answer: Portal.Answer) {
    statuses.insert(answer.status)
    if answer.status == 507, refusal == nil { refusal = answer }
  }

  /// Returns when a key could be stored and one be used.
  func writesAgain() async throws {
    while true {
      let answer = try await portal.addKey(
        "custom", "sk-after-0123456789abcdef", label: "after-\(number)", baseURL: baseURL)
      number += 1
      if answer.status == 201 { kept.append(answer.string("id")) }
      let use = try await program.send(.GET, "/proxy/custom/key-1/v1/models")
      if use.status == 200 { used += 1 }
      if answer.status == 201 && use.status == 200 { return }
      try await Task.sleep(for: .milliseconds(100))
    }
  }

  /// Every acknowledged configuration is there with its receipt, and every use has one.
  func findsWhatWasAcknowledged() async throws {
    var created: Set<String> = []
    var resolved = 0
    let limit = ContinuousClock.now + .seconds(90)
    repeat {
      created = []
      resolved = 0
      for event in try await events() {
        let target = event["target"] as? [String: Any]
        switch event["action"] as? String {
        case "provider-config.create": created.insert(target?["id"] as? String ?? "")
        case "credential.resolve": resolved += 1
        default: break
        }
      }
    } while (!created.isSuperset(of: kept) || resolved < used) && ContinuousClock.now < limit
    #expect(created.isSuperset(of: kept))
    #expect(resolved >= used, "\(used) uses were acknowledged, \(resolved) have a receipt")
    var stored: Set<String> = []
    for id in kept {
      let answer = try await portal.send(.GET, "/api/v1/provider-configs/\(id)")
      if answer.status == 200 { stored.insert(id) }
    }
    #expect(stored == Set(kept))
  }

  private func events() async throws -> [[String: Any]] {
    var all: [[String: Any]] = []
    var token = ""
    repeat {
      let page = try await portal.send(
        .GET, "/api/v1/audit-events?pageSize=200&outcome=SUCCESS&pageToken=\(token)")
      all += page.list("events")
      token = page.string("nextPageToken")
    } while !token.isEmpty
    return all
  }
}

/// A tmpfs with little room.
final class SmallDisk {
  private let path: String
  private var filler: String { path + "/filler" }

  /// Whether this process may mount (capabilities(7): CAP_SYS_ADMIN is 21).
  static var isPossible: Bool {
    let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let line = status.split(separator: "\n").first { $0.hasPrefix("CapEff:") } ?? ""
    let mask = UInt64(
      line.dropFirst("CapEff:".count).trimmingCharacters(in: .whitespaces), radix: 16)
    return geteuid() == 0 && (mask ?? 0) & (1 << 21) != 0
  }

  init(mebibytes: Int) async throws {
    path =
      FileManager.default.temporaryDirectory
      .appendingPathComponent("chatelaine-disk-\(UUID().uuidString.prefix(8))").path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    try await Command(
      path: "/bin/mount",
      arguments: ["-t", "tmpfs", "-o", "size=\(mebibytes)m,mode=0755", "tmpfs", path]
    ).run()
  }

  static func / (disk: SmallDisk, name: String) -> String { disk.path + "/" + name }

  /// Leaves no room at all.
  func fill() throws {
    let file = open(filler, O_WRONLY | O_CREAT | O_CLOEXEC | O_APPEND, 0o600)
    try #require(file >= 0)
    defer { close(file) }
    let zeros = [UInt8](repeating: 0, count: 1 << 20)
    for size in [1 << 20, 4_096] {
      while write(file, zeros, size) > 0 {}
    }
    try #require(errno == ENOSPC)
  }

  func makeRoom() throws { try FileManager.default.removeItem(atPath: filler) }

  /// Moves a directory here and leaves a symbolic link.
  func take(_ directory: String) throws {
    let name = URL(fileURLWithPath: directory).lastPathComponent
    let files = FileManager.default
    let owner = try files.attributesOfItem(atPath: directory)
    try files.copyItem(atPath: directory, toPath: path + "/" + name)
    for item in [""] + (files.subpaths(atPath: path + "/" + name) ?? []) {
      try files.setAttributes(
        [
          .ownerAccountID: owner[.ownerAccountID] ?? 0,
          .groupOwnerAccountID: owner[.groupOwnerAccountID] ?? 0,
        ], ofItemAtPath: path + "/" + name + "/" + item)
    }
    try files.removeItem(atPath: directory)
    try files.createSymbolicLink(atPath: directory, withDestinationPath: path + "/" + name)
  }

  func remove() {
    umount2(path, Int32(MNT_DETACH))
    try? FileManager.default.removeItem(atPath: path)
  }

  deinit { remove() }
}
