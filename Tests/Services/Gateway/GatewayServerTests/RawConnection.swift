import Egress
import Hummingbird
import NIOCore
import NIOPosix

@testable import GatewayServer

/// One connection to the gateway, on which a test speaks HTTP byte by byte.
final class RawConnection {
  struct Answer {
    /// `HTTP/1.1`.
    let version: String
    let status: Int
    /// Names in lower case.
    let fields: [(name: String, value: String)]
    var body = ""

    /// The values of a field, with commas between them; nil when there is none.
    subscript(name: String) -> String? {
      let values = fields.filter { $0.name == name }.map(\.value)
      return values.isEmpty ? nil : values.joined(separator: ", ")
    }
  }

  /// The gateway closed where a test waits for more.
  struct Closed: Error {}

  private let outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
  private var inbound: AsyncThrowingStream<ByteBuffer, any Error>.Iterator
  private var received = ByteBuffer()

  fileprivate init(
    _ outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>,
    _ inbound: AsyncThrowingStream<ByteBuffer, any Error>
  ) {
    self.outbound = outbound
    self.inbound = inbound.makeAsyncIterator()
  }

  func send(_ text: String) async throws {
    try await outbound.write(ByteBuffer(string: text))
  }

  func send(_ bytes: [UInt8]) async throws {
    try await outbound.write(ByteBuffer(bytes: bytes))
  }

  /// The next answer, also `100 Continue`; its body as its head says, else until the end.
  func answer(toHEAD: Bool = false) async throws -> Answer {
    let lines = try await head().split(separator: "\r\n", omittingEmptySubsequences: false)
    let start = lines[0].split(separator: " ", maxSplits: 2)
    var answer = Answer(
      version: String(start[0]), status: Int(start[1]) ?? 0,
      fields: lines.dropFirst().map { line in
        let parts = line.split(separator: ":", maxSplits: 1)
        return (parts[0].lowercased(), String(parts.dropFirst().joined().trimmingPrefix(" ")))
      })
    if toHEAD || answer.status < 200 || [204, 304].contains(answer.status) { return answer }
    if answer["transfer-encoding"] == "chunked" {
      while let size = Int(try await line(), radix: 16), size > 0 {
        answer.body += try await text(size)
        _ = try await line()
      }
      _ = try await line()
    } else if let length = answer["content-length"].flatMap({ Int($0) }) {
      answer.body = try await text(length)
    } else {
      answer.body = try await rest()
    }
    return answer
  }

  /// Everything until the gateway closes its side.
  func rest() async throws -> String {
    do {
      while try await more() {}
    } catch is IOError {
      // Closed with bytes of ours unread: the kernel resets then.
    }
    return received.readString(length: received.readableBytes) ?? ""
  }

  /// Whether bytes have come that nobody looked at, as far as is known.
  var hasUnread: Bool { received.readableBytes > 0 }

  private func more() async throws -> Bool {
    guard var bytes = try await inbound.next(isolation: #isolation) else { return false }
    received.writeBuffer(&bytes)
    return true
  }

  private func head() async throws -> String {
    var head = try await line()
    while true {
      let line = try await line()
      if line.isEmpty { return head }
      head += "\r\n" + line
    }
  }

  private func line() async throws -> String {
    while true {
      if let end = received.readableBytesView.firstIndex(of: UInt8(ascii: "\n")) {
        let line = received.readBytes(length: end + 1 - received.readerIndex) ?? []
        return String(decoding: line.filter { $0 != 0x0D && $0 != 0x0A }, as: UTF8.self)
      }
      guard try await more() else { throw Closed() }
    }
  }

  /// The next bytes, whatever they are.
  func text(_ length: Int) async throws -> String {
    while received.readableBytes < length {
      guard try await more() else { throw Closed() }
    }
    return received.readString(length: length) ?? ""
  }
}

extension TestGateway {
  /// Runs `body` with a connection of its own, and closes it afterwards.
  func connect<Result: Sendable>(
    _ body: (RawConnection) async throws -> Result
  ) async throws -> Result {
    let port = Int(address.split(separator: ":").last ?? "") ?? 0
    let connection = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .connect(host: "127.0.0.1", port: port) { channel in
        channel.eventLoop.makeCompletedFuture {
          try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
        }
      }
    return try await connection.executeThenClose { inbound, outbound in
      let (pieces, sink) = AsyncThrowingStream.makeStream(of: ByteBuffer.self)
      return try await withThrowingTaskGroup(of: Void.self) { tasks in
        tasks.addTask {
          do {
            for try await bytes in inbound { sink.yield(bytes) }
            sink.finish()
          } catch {
            sink.finish(throwing: error)
          }
        }
        defer { tasks.cancelAll() }
        return try await body(RawConnection(outbound, pieces))
      }
    }
  }

  /// A gateway whose user has the custom endpoint `lab` at an upstream that answers like this.
  static func runWithUpstream(
    limits: UpstreamLimits = UpstreamLimits(),
    answer: @escaping TestUpstream.Answer = { _ in Response(status: .ok) },
    _ body: @escaping @Sendable (TestGateway, TestUpstream) async throws -> Void
  ) async throws {
    try await TestUpstream.run(answer) { upstream in
      try await run(allowing: ["127.0.0.1:\(upstream.port)"], limits: limits) { gateway in
        gateway.backend.store(
          provider: "custom", label: "lab", key: "upstream-key",
          baseURL: "http://127.0.0.1:\(upstream.port)")
        try await body(gateway, upstream)
      }
    }
  }

  static let bearerLine = "Authorization: Bearer \(FakeBackend.accessToken)\r\n"
}
