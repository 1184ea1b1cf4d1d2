import Callers
import FoundationEssentials
import Identity
import Protobuf
import RPC
import ServiceAPI
import Vault

/// What operators ask about master keys, over RPC.
struct KeyManagementHandler: VaultAPI.KeyManagementServiceProtocol {
  let keys: KeyManagement

  func getKeyStatus(
    _ request: VaultAPI.GetKeyStatusRequest, context: ServerContext
  ) async throws -> VaultAPI.KeyStatus {
    VaultAPI.KeyStatus(try await keys.status(from: context.origin))
  }

  func rotateKeys(
    _ request: VaultAPI.RotateKeysRequest,
    to responses: ResponseWriter<VaultAPI.RotateKeysResponse>, context: ServerContext
  ) async throws {
    let failed = FailedRows()
    let rotation = try await keys.rotate(
      .init(
        kind: request.kind == .reseal ? .reseal : .rewrap, keyID: request.keyId,
        rowsPerSecond: Int(request.rowsPerSecond)),
      from: context.origin
    ) { (rotation, ids) throws(VaultError) in
      await failed.set(ids)
      try await Self.write(VaultAPI.RotateKeysResponse(rotation, failed: ids), to: responses)
    }
    try await responses.write(
      VaultAPI.RotateKeysResponse(rotation, failed: await failed.ids))
  }

  func verifyKeys(
    _ request: VaultAPI.VerifyKeysRequest,
    to responses: ResponseWriter<VaultAPI.VerifyKeysResponse>, context: ServerContext
  ) async throws {
    let result = try await keys.verify(from: context.origin) { (sum) throws(VaultError) in
      try await Self.write(VaultAPI.VerifyKeysResponse(sum, isComplete: false), to: responses)
    }
    try await responses.write(VaultAPI.VerifyKeysResponse(result, isComplete: true))
  }

  /// A reader who has left ends the work: it is there to be watched, and goes on when asked again.
  private static func write<Response>(
    _ response: Response, to responses: ResponseWriter<Response>
  ) async throws(VaultError) {
    do {
      try await responses.write(response)
    } catch {
      throw .cancelled
    }
  }
}

/// What the last batch said, for the last answer.
private actor FailedRows {
  private(set) var ids: [UUID] = []

  func set(_ ids: [UUID]) { self.ids = ids }
}

extension VaultAPI.KeyStatus {
  init(_ status: KeyStatus) {
    self.init(
      currentKeyId: status.currentKeyID,
      uses: status.uses.map {
        VaultAPI.MasterKeyUse(
          keyId: $0.keyID, dataKeys: Int64($0.dataKeyCount), providerConfigs: Int64($0.configCount),
          createTime: Timestamp($0.createTime))
      },
      holders: status.holders.map {
        VaultAPI.KeyHolder(
          instance: $0.instance.text, keyIds: $0.keyIDs, seenTime: Timestamp($0.seenTime))
      },
      rotation: status.rotation.map(VaultAPI.Rotation.init(_:)))
  }
}

extension VaultAPI.Rotation {
  init(_ rotation: Rotation) {
    self.init(
      id: rotation.id.text, kind: rotation.kind == .reseal ? .reseal : .rewrap,
      keyId: rotation.keyID, startTime: Timestamp(rotation.startTime),
      endTime: rotation.endTime.map { Timestamp($0) }, rowsTotal: Int64(rotation.rowsTotal),
      rowsDone: Int64(rotation.rowsDone), rowsFailed: Int64(rotation.rowsFailed),
      leaseTime: Timestamp(rotation.leaseTime))
  }
}

extension VaultAPI.RotateKeysResponse {
  init(_ rotation: Rotation, failed: [UUID]) {
    self.init(rotation: VaultAPI.Rotation(rotation), failedIds: failed.map(\.text))
  }
}

extension VaultAPI.VerifyKeysResponse {
  init(_ sum: KeyVerification, isComplete: Bool) {
    self.init(
      rowsTotal: Int64(sum.rowsTotal), rowsOpened: Int64(sum.rowsOpened),
      rowsFailed: Int64(sum.rowsFailed), failedIds: sum.failed.map(\.text), isComplete: isComplete)
  }
}
