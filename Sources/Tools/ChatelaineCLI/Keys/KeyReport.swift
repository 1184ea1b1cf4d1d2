import Foundation
import Protobuf
import ServiceAPI

/// What is known of the master keys, as lines.
struct KeyReport {
  private let status: VaultAPI.KeyStatus

  init(_ status: VaultAPI.KeyStatus) { self.status = status }

  func lines(asJSON: Bool) -> [String] { asJSON ? json : text }

  private var text: [String] {
    var lines = ["current master key: \(status.currentKeyId)"]
    for use in status.uses where use.keyId == status.currentKeyId || use.dataKeys > 0 {
      let holders = status.holders.filter { $0.keyIds.contains(use.keyId) }.count
      lines.append(
        "  \(use.keyId)  \(use.dataKeys) data keys, \(use.providerConfigs) keys; held by "
          + "\(holders) of \(status.holders.count) running vaults")
    }
    if let rotation = status.rotation {
      let what = rotation.kind == .reseal ? "users" : "data keys"
      let progress = "\(rotation.rowsDone) of \(max(rotation.rowsTotal, rotation.rowsDone)) \(what)"
      let failed = rotation.rowsFailed > 0 ? ", \(rotation.rowsFailed) don't open" : ""
      lines.append(
        rotation.endTime == nil
          ? "rotation to \(rotation.keyId) under way: \(progress)\(failed); "
            + "go on: chatelaine keys resume"
          : "last rotation: to \(rotation.keyId), \(progress)\(failed)")
    }
    return lines
  }

  private var json: [String] {
    status.uses.map { use in
      JSONLine.text([
        ("keyId", use.keyId), ("isCurrent", use.keyId == status.currentKeyId),
        ("dataKeys", use.dataKeys), ("providerConfigs", use.providerConfigs),
        ("heldBy", status.holders.filter { $0.keyIds.contains(use.keyId) }.count),
        ("runningVaults", status.holders.count),
      ])
    }
      + (status.rotation.map { rotation in
        [
          JSONLine.text([
            ("rotationTo", rotation.keyId), ("isUnderWay", rotation.endTime == nil),
            ("rowsTotal", rotation.rowsTotal), ("rowsDone", rotation.rowsDone),
            ("rowsFailed", rotation.rowsFailed),
          ])
        ]
      } ?? [])
  }

  /// What a rotation would do.
  func plan(reseal: Bool, rowsPerSecond: Int, json: Bool) -> [String] {
    let dataKeys = status.uses.reduce(0) { $0 + $1.dataKeys }
    let configs = status.uses.reduce(0) { $0 + $1.providerConfigs }
    if json {
      return [
        JSONLine.text([
          ("dataKeys", dataKeys), ("providerConfigs", configs),
          ("runningVaults", status.holders.count), ("rowsPerSecond", rowsPerSecond),
        ])
      ]
    }
    var lines = [
      "would make a new master key, bring it to \(status.holders.count) running vaults and wrap "
        + "\(dataKeys) data keys with it"
    ]
    if reseal { lines.append("would seal \(configs) keys anew, with a new data key for each user") }
    if rowsPerSecond > 0 {
      lines.append(
        "would take at least \((dataKeys + Int64(rowsPerSecond) - 1) / Int64(rowsPerSecond)) s")
    }
    lines.append("would open \(configs) keys to verify it; nothing was changed")
    return lines
  }
}
