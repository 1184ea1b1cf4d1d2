import Testing

/// Header lists that are small on the wire and large in memory, or large in both.
@Suite struct HeaderAttackTests {
  /// HEADERS and eight CONTINUATION frames, as many as one block may have.
  private static let blockBytes = 9 * Frame.payloadBytesMax
  private static let blocks = 10

  struct Outcome: CustomStringConvertible, Sendable {
    let sent: Int
    let refused: Int
    let isCut: Bool
    /// The connection still serves.
    let isUsable: Bool

    var description: String {
      "\(sent) blocks sent, \(refused) refused, \(isCut ? "cut" : isUsable ? "usable" : "STUCK")"
    }
  }

  /// Sends blocks until the connection is cut; waits for the answer to each.
  private static func send(
    _ server: AttackedServer, count: Int, _ block: (_ index: Int) -> [UInt8]
  ) throws -> Outcome {
    let connection = try server.connect()
    var sent = 0
    while sent < count, !connection.isCut {
      let stream = Flood.stream(sent)
      connection.send(Frame.longHeaders(stream, block(sent), ends: true))
      connection.wait(for: .seconds(5)) { $0.isOver(stream) }
      sent += 1
    }
    let last = Flood.stream(sent)
    connection.send(
      Frame.headers(last, HeaderBytes.call()) + Frame.data(last, envelope([]), ends: true))
    let isUsable = connection.wait(for: .seconds(5)) { $0.grpcStatus(last) == 0 }
    let heard = connection.heard
    let refused = (0..<sent).count {
      heard.fields[Flood.stream($0)]?[":status"] == "431"
        || heard.resets[Flood.stream($0)] != nil
    }
    return Outcome(sent: sent, refused: refused, isCut: connection.isCut, isUsable: isUsable)
  }

  private func expectRefusal(_ outcome: Outcome) {
    #expect(outcome.isCut || outcome.isUsable, "\(outcome)")
    // Of a connection that was cut the last answers may be missing.
    #expect(outcome.isCut || outcome.refused == outcome.sent, "\(outcome)")
  }

  /// One field of 4,000 bytes, remembered, then named by one byte again and again: 147 KB on the
  /// wire are 590 MB of header fields.
  @Test func aHeaderBombIsRefused() async throws {
    let outcome = try await AttackedServer.withstands("header bomb") { server in
      try Self.send(server, count: Self.blocks) { index in
        var block = HeaderBytes()
        if index == 0 { block.append("a", String(repeating: "v", count: 4000), isIndexed: true) }
        let head = HeaderBytes.call() + block.bytes
        let references = [UInt8](
          repeating: HeaderBytes.newestEntry, count: Self.blockBytes - head.count)
        return head + references
      }
    }
    expectRefusal(outcome)
  }

  @Test(arguments: [40_000, 140_000])
  func giantMetadataIsRefused(_ bytes: Int) async throws {
    let outcome = try await AttackedServer.withstands("\(bytes) bytes of metadata") { server in
      let block = HeaderBytes.call("EmptyCall", [("big", String(repeating: "v", count: bytes))])
      return try Self.send(server, count: Self.blocks) { _ in block }
    }
    expectRefusal(outcome)
  }

  @Test func manyFieldsAreRefused() async throws {
    let outcome = try await AttackedServer.withstands("20,000 fields") { server in
      let fields = (0..<20_000).flatMap { _ in HeaderBytes.literal("a", "b") }
      return try Self.send(server, count: Self.blocks) { _ in HeaderBytes.call() + fields }
    }
    expectRefusal(outcome)
  }
}
