import Testing

/// Messages that are not what their envelope says.
@Suite struct MessageAttackTests {
  private static let resourceExhausted = 8
  private static let `internal` = 13
  private static let streams = 100
  private static let bombs = 10
  private static let encoding = [("grpc-encoding", "gzip")]

  /// The `grpc-status` of each call; nil where there was none.
  struct Statuses: CustomStringConvertible, Sendable {
    let values: [Int?]

    func areAll(_ status: Int) -> Bool { values.allSatisfy { $0 == status } }

    var description: String {
      let kinds = Dictionary(grouping: values) { $0.map(String.init) ?? "none" }
      return kinds.map { "\($0.value.count) x grpc-status \($0.key)" }.joined(separator: ", ")
    }
  }

  private static func send(
    _ body: [UInt8], to method: String, _ server: AttackedServer, ends: Bool
  ) throws -> Statuses {
    let connection = try server.connect()
    let block = HeaderBytes.call(method)
    let values = (0..<streams).map { index in
      let stream = Flood.stream(index)
      connection.send(Frame.headers(stream, block) + Frame.data(stream, body, ends: ends))
      connection.wait(for: .seconds(5)) { $0.isOver(stream) }
      return connection.heard.grpcStatus(stream)
    }
    return Statuses(values: values)
  }

  @Test(arguments: ["UnaryCall", "StreamingInputCall"])
  func aLengthOf4GiBIsRefusedBeforeTheMessageComes(_ method: String) async throws {
    let statuses = try await AttackedServer.withstands("4 GiB prefix, \(method)") { server in
      try Self.send(
        envelope([1, 2, 3], length: 0xFFFF_FFFF), to: method, server, ends: false)
    }
    #expect(statuses.areAll(Self.resourceExhausted), "\(statuses)")
  }

  @Test(arguments: ["UnaryCall", "StreamingInputCall"])
  func aBodyShorterThanItsLengthIsRefused(_ method: String) async throws {
    let statuses = try await AttackedServer.withstands("short body, \(method)") { server in
      try Self.send(
        envelope([UInt8](repeating: 0, count: 5), length: 1000), to: method, server,
        ends: true)
    }
    #expect(statuses.areAll(Self.internal), "\(statuses)")
  }

  @Test(arguments: ["UnaryCall", "StreamingInputCall"])
  func aGigabyteOfZerosIsNotUnpacked(_ method: String) async throws {
    let statuses = try await AttackedServer.withstands("1 GiB gzip bombs, \(method)") { server in
      let bomb = envelope(GzipBomb.make(), isCompressed: true)
      let connection = try server.connect()
      var upload = Upload(connection)
      let values = (0..<Self.bombs).map { index in
        let stream = Flood.stream(index)
        connection.send(Frame.headers(stream, HeaderBytes.call(method, Self.encoding)))
        _ = upload.send(bomb, on: [stream], ends: true)
        connection.wait(for: .seconds(5)) { $0.isOver(stream) }
        return connection.heard.grpcStatus(stream)
      }
      return Statuses(values: values)
    }
    #expect(statuses.areAll(Self.resourceExhausted), "\(statuses)")
  }
}
