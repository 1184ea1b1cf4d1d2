package import HTTPTypes
import NIOCore
import NIOHTTP1
package import Networking

/// A client's offer to go on with WebSocket (RFC 6455, 4.1), for a provider to take or not.
package enum WebSocketHandshake {
  package static let name = "websocket"

  /// Below this, requests are a provider's to answer.
  private static let prefix = "/proxy/"

  static func isMade(by head: HTTPRequestHead) -> Bool {
    head.method == .GET && head.version == .http1_1 && head.uri.beginsWithBytes(of: prefix)
      && isOffered(head.headers["upgrade"])
  }

  /// Whether one of these values of `Upgrade` is `websocket`.
  package static func isOffered(_ values: [String]) -> Bool {
    values.flatMap { $0.split(atByte: ",") }
      .contains { $0.trimmingBlanks().lowercasedASCII().hasBytes(of: name) }
  }
}

extension Exchange {
  /// Whether the client offers to go on with WebSocket.
  package var offersWebSocket: Bool {
    method == .get && WebSocketHandshake.isOffered(headers[values: .upgrade])
  }

  /// Answers 101 with `fields`, and leaves the connection to `end`: also what the client has sent
  /// already. Nothing else may be answered afterwards.
  package func switchProtocols(_ fields: HTTPFields, handingTo end: TunnelEnd) async throws {
    guard let channel = stream.channel else { throw ClientLeft() }
    try await channel.eventLoop.submit {
      var head = HTTPResponseHead(version: .http1_1, status: .switchingProtocols)
      head.headers.add(name: "connection", value: "Upgrade")
      head.headers.add(name: "upgrade", value: WebSocketHandshake.name)
      for field in fields { head.headers.add(name: field.name.canonicalName, value: field.value) }
      stream.handOver()
      let pipeline = channel.pipeline.syncOperations
      let decoder = try pipeline.handler(type: ByteToMessageHandler<RequestDecoder>.self)
      let encoder = try pipeline.handler(type: HTTPResponseEncoder.self)
      try pipeline.context(handler: decoder)
        .writeAndFlush(NIOAny(HTTPServerResponsePart.head(head)), promise: nil)
      // What the decoder still has goes to `end`.
      try pipeline.addHandler(end, position: .after(decoder))
      return pipeline.removeHandler(encoder).and(pipeline.removeHandler(decoder))
        .map { _ in end.start() }
    }
    .flatMap { $0 }.get()
  }
}
