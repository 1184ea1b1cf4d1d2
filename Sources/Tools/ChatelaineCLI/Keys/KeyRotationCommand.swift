import ArgumentParser
import Cryptography
import Foundation
import LocalDeployment
import RPC
import ServiceAPI

/// What `chatelaine keys rotate`, `resume`, `rollback` and `verify` do.
struct KeyRotationCommand {
  /// How long a vault that was lost is waited for.
  private static let patience: Duration = .seconds(60)
  private static let retryInterval: Duration = .seconds(1)
  /// How long a walk through all rows may take; a call's usual time would end it after ten seconds.
  private static let walkTimeout: Duration = .seconds(24 * 3_600)

  let session: KeySession
  let output: KeyOutput
  let pace: KeyPace

  func printPlan(reseal: Bool) async throws {
    let status = try await session.status()
    let report = KeyReport(status)
    for line in report.plan(reseal: reseal, rowsPerSecond: pace.rowsPerSecond, json: output.json) {
      Terminal.print(line)
    }
  }

  func rotate(reseal: Bool) async throws {
    if let rotation = try await session.status().rotation, rotation.endTime == nil {
      throw CommandError(
        "a rotation to master key \(rotation.keyId) is under way; go on with it: "
          + "chatelaine keys resume, or back: chatelaine keys rollback")
    }
    let new = try MasterKey.generate()
    say("new master key: \(new.identifier)")
    // Behind the others until every vault can open what it wraps.
    try session.file.write(try session.file.read() + [new])
    try await promote(new)
    try await complete(reseal ? .reseal : .rewrap, to: new.identifier)
  }

  /// Goes on with whatever was begun: a key that vaults wait for, or a rotation.
  func resume() async throws {
    let status = try await session.status()
    let ring = try session.file.read()
    var target = ring[0].identifier
    if let last = ring.last, !status.uses.contains(where: { $0.keyId == last.identifier }) {
      // Made, and never first anywhere.
      try await promote(last)
      target = last.identifier
    }
    let isOpen = status.rotation.map { $0.endTime == nil } ?? false
    guard isOpen || status.uses.contains(where: { $0.keyId != target && $0.dataKeys > 0 }) else {
      throw CommandError("there is no rotation to go on with; begin one: chatelaine keys rotate")
    }
    let kind = status.rotation.flatMap { isOpen && $0.keyId == target ? $0.kind : nil }
    try await complete(kind ?? .rewrap, to: target)
  }

  func rollback() async throws {
    let ring = try session.file.read()
    guard ring.count > 1 else {
      throw CommandError(
        "there is no former master key in \(session.file.path): it was retired, or none was made")
    }
    say("back to master key \(ring[1].identifier)")
    try await promote(ring[1])
    try await complete(.rewrap, to: ring[1].identifier)
  }

  /// Has every vault wrap with a key that is in the file, once all of them can open what it wraps.
  private func promote(_ key: MasterKey) async throws {
    try await session.waitForVaults(to: "take the new master key") { $0.contains(key.identifier) }
    let others = try session.file.read().filter { $0.identifier != key.identifier }
    try session.file.write([key] + others)
  }

  private func complete(_ kind: VaultAPI.Rotation.Kind, to keyID: String) async throws {
    try await session.waitForVaults(to: "put the new master key first") { $0.first == keyID }
    let rotation = try await work(kind, to: keyID)
    say(
      "rotated: \(rotation.rowsDone) \(kind == .reseal ? "users" : "data keys") are under master "
        + "key \(keyID)")
    try await verify()
    if rotation.rowsFailed > 0 {
      Terminal.report(
        "\(rotation.rowsFailed) rows don't open and were left as they were: their users must enter "
          + "their keys again")
      throw KeysCommand.partlyStatus
    }
    say(
      "the former key still opens backups, and the way back: chatelaine keys rollback; when you "
        + "need neither: chatelaine keys retire")
  }

  /// Follows the rotation, and goes on with it when the vault that did it is lost.
  private func work(
    _ kind: VaultAPI.Rotation.Kind, to keyID: String
  ) async throws -> VaultAPI.Rotation {
    var progress = KeyProgress("rotating", json: output.json)
    var giveUp = ContinuousClock.now + Self.patience
    while true {
      do {
        let request = VaultAPI.RotateKeysRequest(
          kind: kind, keyId: keyID, rowsPerSecond: Int32(clamping: pace.rowsPerSecond))
        let last = try await session.keys.rotateKeys(
          request, options: CallOptions(timeout: Self.walkTimeout, waitForReady: true)
        ) { answers in
          var last: VaultAPI.RotateKeysResponse?
          while let answer = try await answers.next() {
            last = answer
            giveUp = .now + Self.patience
            progress.show(answer)
          }
          return last
        }
        progress.end()
        if let rotation = last?.rotation, rotation.endTime != nil { return rotation }
      } catch let error as RPCError where error.code.isLostVault || error.isAnotherRun {
        // A run that died holds on to the rotation for some seconds.
        guard .now < giveUp else { throw error }
        try await Task.sleep(for: Self.retryInterval)
      }
    }
  }

  func verify() async throws {
    var progress = KeyProgress("verifying", json: output.json)
    let last = try await session.keys.verifyKeys(
      .init(), options: CallOptions(timeout: Self.walkTimeout, waitForReady: true)
    ) { answers in
      var last: VaultAPI.VerifyKeysResponse?
      while let answer = try await answers.next() {
        last = answer
        progress.show(answer)
      }
      return last
    }
    progress.end()
    guard let last, last.isComplete else {
      throw CommandError("the vault ended before every key was opened: run it again")
    }
    say("verified: \(last.rowsOpened) of \(last.rowsTotal) keys open")
    guard last.rowsFailed > 0 else { return }
    for id in last.failedIds { Terminal.report("doesn't open: configuration \(id)") }
    throw KeysCommand.partlyStatus
  }

  private func say(_ line: String) {
    if !output.json { Terminal.print(line) }
  }
}

extension RPCError {
  fileprivate var isAnotherRun: Bool {
    details.contains { detail in
      guard case .errorInfo(let reason, _) = detail else { return false }
      return reason == "ROTATION_RUNNING" || reason == "ROTATION_TAKEN_OVER"
    }
  }
}

extension RPCError.Code {
  fileprivate var isLostVault: Bool { self == .unavailable || self == .cancelled }
}
