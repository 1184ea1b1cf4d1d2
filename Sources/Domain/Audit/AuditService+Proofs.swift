import Encodings
package import FoundationEssentials
package import Identity
import Receipts
package import TransparencyLog
import UseCases

/// The parts of the log that prove what is in it.
extension AuditService {
  /// Lines of one page of proofs, and how many come when the reader doesn't say.
  package static let proofsMax = 500
  /// Bytes of one page: with its header, less than a message may have.
  static let proofBytesMax = 1 << 20

  /// Which proofs a reader wants.
  package struct ProofQuery: Sendable, Hashable {
    /// Behind the account's entry with this number.
    package var behind: UInt64 = 0
    /// In the tree of this size, as the header of the first page has it; nil for the newest.
    package var size: UInt64?
    /// That the newest tree continues the one of this size, which the reader has seen.
    package var since: UInt64?
    /// One entry alone.
    package var id: UUID?
    /// 1 to `proofsMax`; 0 means that.
    package var limit = 0

    package init() {}
  }

  /// Lines of a `ProofFile`.
  package struct ProofPage: Sendable {
    /// Of the first page.
    package var header: [UInt8]?
    package var lines: [[UInt8]]
    package var size: UInt64
    /// Where the next page begins; nil on the last.
    package var next: UInt64?
  }

  /// The newest checkpoint and the key that signed it. Public.
  package func checkpoint(
    for peer: String
  ) async throws(AuditError) -> (signed: SignedCheckpoint, key: LogKey) {
    try await door.perform(.auditLogGet, by: .service(peer), from: CallOrigin()) {
      (_) async throws(AuditError) -> Act<(signed: SignedCheckpoint, key: LogKey)> in
      let log = try provenLog()
      guard let signed = try await log.store.checkpoint() else { throw .notFound }
      return .looked((signed, log.key))
    }
  }

  /// The first `width` hashes of a tile. Public.
  package func tile(
    _ tile: TileID, width: Int, for peer: String
  ) async throws(AuditError) -> [UInt8] {
    try await door.perform(.auditLogGet, by: .service(peer), from: CallOrigin()) {
      (_) async throws(AuditError) -> Act<[UInt8]> in
      guard (0...TileID.levelMax).contains(tile.level) else {
        throw .invalid(.level, reason: "must be 0 to \(TileID.levelMax)")
      }
      try Self.check(width, tile.index)
      let found = try await provenLog().store.tiles([tile])
      guard let hashes = found[tile], hashes.count >= width * MerkleHash.byteCount else {
        throw .notFound
      }
      return .looked(Array(hashes.prefix(width * MerkleHash.byteCount)))
    }
  }

  /// The first `width` leaves of a bundle of 256. Public: they tell a stranger nothing.
  package func leaves(
    ofBundle index: UInt64, width: Int, for peer: String
  ) async throws(AuditError) -> [UInt8] {
    try await door.perform(.auditLogGet, by: .service(peer), from: CallOrigin()) {
      (_) async throws(AuditError) -> Act<[UInt8]> in
      try Self.check(width, index)
      let start = index * UInt64(TileID.widthMax)
      let leaves = try await provenLog().store.leaves(at: start..<start + UInt64(width))
      guard leaves.count == width else { throw .notFound }
      return .looked(LeafBundle.encode(leaves))
    }
  }

  /// The caller's own entries, each with the proof that it is in the signed tree.
  package func proofs(
    _ query: ProofQuery, for caller: Caller, from origin: CallOrigin
  ) async throws(AuditError) -> ProofPage {
    try await door.perform(.auditEventList, by: .caller(caller), from: origin) {
      (_) async throws(AuditError) -> Act<ProofPage> in
      let log = try provenLog()
      guard let signed = try await log.store.checkpoint(),
        let newest = try? Checkpoint.verified(signed.note, by: log.key)
      else { throw .notFound }
      guard (0...Self.proofsMax).contains(query.limit) else {
        throw .invalid(.pageSize, reason: "must be 1 to \(Self.proofsMax)")
      }
      let size = query.size ?? newest.size
      guard (1...newest.size).contains(size) else {
        throw .invalid(.size, reason: "must be 1 to \(newest.size)")
      }
      let limit = query.limit == 0 ? Self.proofsMax : query.limit
      let events = try await log.store.sealedEvents(
        of: caller.userID, behind: query.behind, in: size, id: query.id, limit: limit)
      if query.id != nil, events.isEmpty { throw .notFound }
      var page = ProofPage(lines: [], size: size)
      page.lines = Self.fitting(try await lines(of: events, in: size))
      if query.id == nil, events.count == limit || page.lines.count < events.count {
        page.next = events[page.lines.count - 1].accountEntry
      }
      if query.size == nil {
        page.header = try await header(signed, newest, query, of: caller.userID)
      }
      return .looked(page)
    }
  }

  /// As many as a page may have; the first always does.
  private static func fitting(_ lines: [[UInt8]]) -> [[UInt8]] {
    var bytes = 0
    let more = lines.dropFirst().prefix { line in
      bytes += line.count
      return bytes <= proofBytesMax - ProofFile.lineBytesMax
    }
    return Array(lines.prefix(1)) + more
  }

  private func header(
    _ signed: SignedCheckpoint, _ newest: Checkpoint, _ query: ProofQuery, of account: UserID
  ) async throws(AuditError) -> [UInt8] {
    let own = try await provenLog().store.accountLog(of: account, in: newest.size)
    var header = ProofFile.Header(
      checkpoint: signed.note, account: account.text,
      // An account without entries has no key yet; one that finds nothing is as good.
      accountKey: Base64.standard.encode(
        own?.key ?? Array(repeating: 0, count: EntryLeaf.accountKeyBytes), isPadded: true),
      entries: query.id == nil ? own?.entries ?? 0 : nil)
    if let since = query.since {
      guard since <= newest.size else {
        throw .invalid(.since, reason: "must be 0 to \(newest.size)")
      }
      let ranges = MerkleTree.consistencyRanges(from: since, to: newest.size)
      header.consistency = ProofFile.Consistency(
        oldSize: since, path: try await hashes(ranges, try tiles(for: ranges)))
    }
    return ProofFile.encode(header)
  }

  private func lines(
    of events: [SealedEvent], in size: UInt64
  ) async throws(AuditError) -> [[UInt8]] {
    // One look at the tiles for the whole page.
    let paths = events.map {
      MerkleTree.inclusionRanges(of: UInt64(clamping: $0.recorded.sequence - 1), in: size)
    }
    let tiles = try await tiles(for: paths.flatMap { $0 })
    var lines: [[UInt8]] = []
    for (event, ranges) in zip(events, paths) {
      lines.append(
        ProofFile.encode(
          ProofFile.Line(
            event.entry, personal: event.salt == nil ? nil : PersonalFields(event.recorded.event),
            salt: event.salt, proof: try hashes(ranges, tiles))))
    }
    return lines
  }

  private func tiles(for ranges: [Range<UInt64>]) async throws(AuditError) -> Tiles {
    var tiles = Tiles()
    for (tile, bytes) in try await provenLog().store.tiles(Tiles.needed(for: ranges)) {
      do {
        try tiles.insert(tile, bytes)
      } catch {
        throw .damaged(detail: "\(error)")
      }
    }
    return tiles
  }

  private func hashes(
    _ ranges: [Range<UInt64>], _ tiles: Tiles
  ) throws(AuditError) -> [MerkleHash] {
    do {
      return try tiles.hashes(of: ranges)
    } catch {
      throw .damaged(detail: "\(error)")
    }
  }

  private func provenLog() throws(AuditError) -> (store: any LogStore, key: LogKey) {
    guard let log else { throw .unsigned }
    return log
  }

  private static func check(_ width: Int, _ index: UInt64) throws(AuditError) {
    guard (1...TileID.widthMax).contains(width) else {
      throw .invalid(.width, reason: "must be 1 to \(TileID.widthMax)")
    }
    guard index < MerkleTree.sizeMax / UInt64(TileID.widthMax) else {
      throw .invalid(.index, reason: "is beyond any log's end")
    }
  }
}
