import NIOCore
import NIOHTTP1

/// Decodes requests for as long as a connection lasts.
///
/// NIO's decoder stops for good behind a request that offers another protocol, although a server
/// may pass over the offer (RFC 9110, 7.8). Behind an offer that was passed over comes HTTP,
/// so another decoder goes on there. One that was taken would leave the decoder as it is: removed
/// from the pipeline, it hands on the bytes that came behind the head.
final class RequestDecoder: ByteToMessageDecoder {
  typealias InboundOut = HTTPServerRequestPart

  private let limits: NIOHTTPDecoderLimitConfiguration
  private var decoder: HTTPRequestDecoder
  private var isStopped = false

  init(limits: NIOHTTPDecoderLimitConfiguration) {
    self.limits = limits
    decoder = Self.decoder(limits)
  }

  private static func decoder(_ limits: NIOHTTPDecoderLimitConfiguration) -> HTTPRequestDecoder {
    HTTPRequestDecoder(leftOverBytesStrategy: .forwardBytes, limitConfiguration: limits)
  }

  /// Says, while the end of a request is handed on, that NIO's decoder stops there and that its
  /// offer was passed over.
  func passOverOffer() {
    isStopped = true
  }

  func decode(context: ChannelHandlerContext, buffer: inout ByteBuffer) throws -> DecodingState {
    let state = try decoder.decode(context: context, buffer: &buffer)
    return renewIfStopped(context, buffer) ?? state
  }

  func decodeLast(
    context: ChannelHandlerContext, buffer: inout ByteBuffer, seenEOF: Bool
  ) throws -> DecodingState {
    // Without an end of input this is the removal of an upgrade that was taken.
    guard seenEOF else {
      return try decoder.decodeLast(context: context, buffer: &buffer, seenEOF: false)
    }
    while buffer.readableBytes > 0, try decode(context: context, buffer: &buffer) == .continue {}
    return try decoder.decodeLast(context: context, buffer: &buffer, seenEOF: true)
  }

  func decoderAdded(context: ChannelHandlerContext) {
    decoder.decoderAdded(context: context)
  }

  func decoderRemoved(context: ChannelHandlerContext) {
    decoder.decoderRemoved(context: context)
  }

  /// Nil when the decoder didn't stop.
  private func renewIfStopped(
    _ context: ChannelHandlerContext, _ rest: ByteBuffer
  )
    -> DecodingState?
  {
    guard isStopped else { return nil }
    isStopped = false
    decoder.decoderRemoved(context: context)
    decoder = Self.decoder(limits)
    decoder.decoderAdded(context: context)
    return rest.readableBytes > 0 ? .continue : .needMoreData
  }
}

@available(*, unavailable)
extension RequestDecoder: Sendable {}

/// What a request offers to go on with in place of HTTP/1.1 (RFC 9110, 7.8).
enum UpgradeOffer {
  /// Nobody offers anything.
  case none
  /// NIO's decoder stops behind this request.
  case stopsDecoder
  /// Something odd, about which our reading and the decoder's may differ: the connection must not
  /// go on behind it.
  case unclear

  init(_ head: HTTPRequestHead) {
    let protocols = head.headers["upgrade"]
    guard !protocols.isEmpty else {
      self = .none
      return
    }
    // Narrower than the decoder's rule, never wider: it takes a space behind an option, but no tab.
    let isOffered = head.headers["connection"].contains { options in
      options.split(atByte: ",").contains { option in
        let name = option.utf8.drop { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
        let text = String(Substring(name)).lowercasedASCII()
        return text.beginsWithBytes(of: "upgrade")
          && text.utf8.dropFirst("upgrade".utf8.count).allSatisfy { $0 == UInt8(ascii: " ") }
      }
    }
    self = isOffered && protocols.contains { !$0.isEmpty } ? .stopsDecoder : .unclear
  }
}
