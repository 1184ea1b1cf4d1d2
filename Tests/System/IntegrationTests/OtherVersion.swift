import LocalDeployment
import Logging
import NIOCore
import NIOPosix
import RPC
import RPCTransport
import ServiceAPI
import Synchronization
import TLS
import TestSupport

/// A service of another version, as one of its peers meets it: the real one, behind a relay that
/// knows more or less than it does.
///
/// Both ends of the relay speak for who they stand for: it has the service's certificate, and the
/// peer's towards the service.
final class OtherVersion: Sendable {
  /// What the other version doesn't have, and what it has beyond this one.
  struct Differences: Sendable {
    /// Methods that it answers UNIMPLEMENTED.
    var missingMethods: Set<String> = []
    /// Fields of answers that it doesn't send, by method.
    var missingFields: [String: Set<UInt64>] = [:]
    /// Whether it adds fields of unheard numbers to each message, and takes such from its peer.
    var hasNewFields = false
    /// What it adds to the messages of a repeated field in answers, by method.
    var additions: [String: [UInt8]] = [:]
  }

  /// Fields that are messages, by method; of requests and of answers.
  private static let nestedInRequests: [String: Set<UInt64>] = [
    "AppendEvents": [1], "RecordUses": [1], "CreateAccessToken": [2],
  ]
  private static let nestedInAnswers: [String: Set<UInt64>] = [
    "ListEvents": [1], "ListProviderConfigs": [1], "Authenticate": [3, 4], "CreateSession": [2],
    "WatchRevocations": [2, 4], "ListAccessTokens": [1], "CreateAccessToken": [2],
  ]
  private static let methods: [String: [MethodDescriptor]] = [
    "auth": AuthAPI.AuthMethods.all, "vault": VaultAPI.VaultMethods.all,
    "audit": AuditAPI.AuditMethods.all,
  ]
  private static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

  /// `host:port` of the relay.
  let address: String
  private let server: RPCServer
  private let running: Task<Void, any Error>
  private let calls: Calls

  /// How often each method was called, answered or not, and what the last call brought.
  private final class Calls: Sendable {
    private let calls = Mutex<[String: (count: Int, last: Metadata)]>([:])

    func note(_ method: String, _ metadata: Metadata) {
      calls.withLock { $0[method] = (($0[method]?.count ?? 0) + 1, metadata) }
    }
    func count(of method: String) -> Int { calls.withLock { $0[method]?.count ?? 0 } }
    func last(of method: String) -> Metadata? { calls.withLock { $0[method]?.last } }
  }

  /// - Parameter peer: whose certificate the relay shows to the service at `target`.
  init(
    of service: String, at target: String, for peer: String, in stack: RunningStack,
    _ differences: Differences
  ) async throws {
    let state = StateDirectory(stack.stateDirectory)
    let group = MultiThreadedEventLoopGroup.singleton
    let (host, port) = try Self.parts(of: target)
    let client = RPCClient(
      RPCClientConfiguration(
        host: host, port: port, tls: Self.tls(peer, state),
        serverIdentity: "spiffe://chatelaine/\(service)"),
      eventLoopGroup: group, logger: Self.logger)
    let calls = Calls()
    let relay = Relay(
      client: client, differences: differences, note: calls.note(_:_:),
      methods: Self.methods[service] ?? [])
    server = RPCServer(
      RPCServerConfiguration(host: "127.0.0.1", port: 0, tls: Self.tls(service, state)),
      services: [relay], eventLoopGroup: group, logger: Self.logger)
    self.calls = calls
    address = "127.0.0.1:\(try await server.start())"
    running = Task { [server] in
      try await server.run()
      await client.close()
    }
  }

  func callCount(of method: String) -> Int { calls.count(of: method) }

  /// What came beside the last call of the method, as it went by.
  func metadata(of method: MethodDescriptor) -> Metadata? { calls.last(of: method.method) }

  func stop() async {
    running.cancel()
    _ = await running.result
  }

  private static func tls(_ name: String, _ state: StateDirectory) -> TLSConfiguration {
    let paths = state.certificatePaths(of: name)
    return TLSConfiguration(
      certificateFile: paths.certificate, privateKeyFile: paths.privateKey,
      certificateAuthorityFile: paths.authority)
  }

  private static func parts(of address: String) throws -> (host: String, port: Int) {
    let parts = address.split(separator: ":")
    guard parts.count == 2, let port = Int(parts[1]) else { throw WireError.malformed }
    return (String(parts[0]), port)
  }

  /// Answers each method of a service by asking the real one.
  private struct Relay: RPCService {
    /// Of streams whose client sets no end.
    private static let streamDuration: Duration = .seconds(300)

    let client: RPCClient
    let differences: Differences
    let note: @Sendable (String, Metadata) -> Void
    let methods: [MethodDescriptor]

    var methodHandlers: [MethodHandler] {
      methods.map { method in
        switch method.shape {
        case .unary:
          MethodHandler(method, .unary { try await unary(method, $0, $1) })
        default:
          MethodHandler(
            method,
            .streaming { requests, responses, context in
              try await stream(method, requests, responses, context)
            })
        }
      }
    }

    private func unary(
      _ method: MethodDescriptor, _ request: ByteBuffer, _ context: ServerContext
    ) async throws -> ByteBuffer {
      try begin(method, context)
      let answer = try await client.unary(
        method, request: changed(request: request, method), options: options(context))
      return try changed(answer: answer.message, method)
    }

    private func stream(
      _ method: MethodDescriptor, _ requests: any MessageSource, _ responses: any ResponseSink,
      _ context: ServerContext
    ) async throws {
      try begin(method, context)
      try await client.stream(method, options: options(context)) { stream in
        while let request = try await requests.next() {
          try await stream.write(changed(request: request.bytes, method), isCompressed: nil)
        }
        stream.finish()
        while let answer = try await stream.next() {
          try await responses.write(changed(answer: answer.bytes, method), isCompressed: nil)
        }
      }
    }

    private func begin(_ method: MethodDescriptor, _ context: ServerContext) throws {
      note(method.method, context.metadata)
      if differences.missingMethods.contains(method.method) {
        throw RPCError(.unimplemented, "unknown method \(method.method)")
      }
    }

    private func options(_ context: ServerContext) -> CallOptions {
      var options = CallOptions(metadata: context.metadata, timeout: Self.streamDuration)
      if let deadline = context.deadline { options.deadline = deadline }
      return options
    }

    private func changed(request: ByteBuffer, _ method: MethodDescriptor) throws -> ByteBuffer {
      guard differences.hasNewFields else { return request }
      return try WireFields.changing(
        request, adding: WireFields.unheard, nested: nestedInRequests[method.method] ?? [])
    }

    private func changed(answer: ByteBuffer, _ method: MethodDescriptor) throws -> ByteBuffer {
      let own = differences.hasNewFields ? WireFields.unheard : []
      return try WireFields.changing(
        answer, without: differences.missingFields[method.method] ?? [], adding: own,
        nested: nestedInAnswers[method.method] ?? [],
        addingNested: differences.additions[method.method] ?? own)
    }
  }
}

/// Why bytes are no message.
enum WireError: Error { case malformed }

/// A message's fields without its type: protobuf's wire format, changed by field numbers.
enum WireFields {
  /// A varint, text, 64 and 32 bits, in fields that no message has.
  static let unheard: [UInt8] =
    key(1_000, 0) + [5] + key(1_001, 2) + [3] + Array("new".utf8)
    + key(1_002, 1) + [1, 2, 3, 4, 5, 6, 7, 8] + key(1_003, 5) + [1, 2, 3, 4]

  static func varint(_ value: UInt64) -> [UInt8] {
    var (rest, bytes): (UInt64, [UInt8]) = (value, [])
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    return bytes + [UInt8(rest)]
  }

  static func key(_ number: UInt64, _ type: UInt64) -> [UInt8] { varint(number << 3 | type) }

  /// The message without some of its fields and with `bytes` behind them; in the fields `nested`,
  /// which are messages, with `nestedBytes` (nil: the same).
  static func changing(
    _ message: ByteBuffer, without removed: Set<UInt64> = [], adding bytes: [UInt8],
    nested: Set<UInt64>, addingNested nestedBytes: [UInt8]? = nil
  ) throws -> ByteBuffer {
    var rest = ByteBuffer(message.readableBytesView)
    var changed = ByteBuffer()
    while rest.readableBytes > 0 {
      let key = try readVarint(&rest)
      let (number, type) = (key >> 3, key & 7)
      var content: [UInt8]
      switch type {
      case 0: content = varint(try readVarint(&rest))
      case 1: content = try read(8, &rest)
      case 2: content = try read(Int(clamping: readVarint(&rest)), &rest)
      case 5: content = try read(4, &rest)
      default: throw WireError.malformed
      }
      if removed.contains(number) { continue }
      if type == 2 {
        if nested.contains(number) { content += nestedBytes ?? bytes }
        content = varint(UInt64(content.count)) + content
      }
      changed.writeBytes(varint(key) + content)
    }
    changed.writeBytes(bytes)
    return changed
  }

  private static func readVarint(_ buffer: inout ByteBuffer) throws -> UInt64 {
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 64, by: 7) {
      guard let byte = buffer.readInteger(as: UInt8.self) else { throw WireError.malformed }
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return value }
    }
    throw WireError.malformed
  }

  private static func read(_ count: Int, _ buffer: inout ByteBuffer) throws -> [UInt8] {
    guard let bytes = buffer.readBytes(length: count) else { throw WireError.malformed }
    return bytes
  }
}
