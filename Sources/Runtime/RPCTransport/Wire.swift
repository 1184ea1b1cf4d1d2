import HTTP2
import NIOCore
import TLS

/// What ends a connection from below.
enum WireError: Error {
  case tls(TLSError)
  case http2(HTTP2Error)
}

extension WireError: CustomStringConvertible {
  var description: String {
    switch self {
    case .tls(let error): error.description
    case .http2(let error): error.description
    }
  }
}

/// TLS and HTTP/2 of one connection over its channel; belongs to the channel's loop.
///
/// Bytes that are read become events; what the session wants to send is written once per turn of
/// the loop, as long as the socket takes it.
final class Wire {
  /// How a session is made once it is known who the peer is.
  typealias MakeSession = (_ identities: [String]) throws(HTTP2Error) -> HTTP2Session

  private let context: ChannelHandlerContext
  private let tls: TLSConnection?
  private let makeSession: MakeSession
  private(set) var session: HTTP2Session?
  private var ciphertext = ByteBuffer()
  private var isFlushing = false

  init(
    _ context: ChannelHandlerContext, tls: TLSConnection?, makeSession: @escaping MakeSession
  ) {
    self.context = context
    self.tls = tls
    self.makeSession = makeSession
  }

  var peerIdentities: [String] { tls?.peerIdentities ?? [] }
  var peerCertificateDigest: [UInt8] { tls?.peerCertificateDigest ?? [] }

  /// Starts the TLS handshake of a client, or the session if there is no TLS.
  func start(isClient: Bool) throws(WireError) {
    do throws(TLSError) {
      if isClient { try tls?.start() }
    } catch {
      throw .tls(error)
    }
    if tls == nil { try startSession() }
    writeCiphertext()
  }

  private func startSession() throws(WireError) {
    do throws(HTTP2Error) {
      session = try makeSession(peerIdentities)
    } catch {
      throw .http2(error)
    }
  }

  /// What the bytes meant are the session's next events, also when this throws.
  func receive(_ bytes: ByteBuffer) throws(WireError) {
    guard let tls else { return try receivePlaintext(bytes) }
    // Not kept: it would be the largest part of an idle connection.
    var plaintext = ByteBuffer()
    do throws(TLSError) {
      try tls.receive(bytes, plaintext: &plaintext)
    } catch {
      // The alert that says why.
      writeCiphertext()
      throw .tls(error)
    }
    if session == nil {
      writeCiphertext()
      guard tls.isEstablished else { return }
      try startSession()
    }
    if plaintext.readableBytes > 0 { try receivePlaintext(plaintext) }
  }

  private func receivePlaintext(_ bytes: ByteBuffer) throws(WireError) {
    do throws(HTTP2Error) {
      try session?.receive(bytes)
    } catch {
      throw .http2(error)
    }
  }

  /// Writes what the session may send, while the socket takes it.
  func flush() throws(WireError) {
    // A write may change writability and so call back into this connection's flush.
    guard let session, !isFlushing else { return }
    isFlushing = true
    defer { isFlushing = false }
    while context.channel.isWritable {
      do throws(HTTP2Error) {
        try session.drain()
      } catch {
        throw .http2(error)
      }
      guard session.output.readableBytes > 0 else { return }
      try write(session)
    }
  }

  /// Lets go of what a connection needs only while it has calls.
  func releaseIdleBuffers() {
    session?.releaseIdleBuffers()
    ciphertext = ByteBuffer()
  }

  private func write(_ session: HTTP2Session) throws(WireError) {
    guard let tls else {
      context.writeAndFlush(NIOAny(session.output), promise: nil)
      session.output.clear()
      return
    }
    do throws(TLSError) {
      try tls.send(&session.output)
    } catch {
      throw .tls(error)
    }
    session.output.clear()
    writeCiphertext()
  }

  private func writeCiphertext() {
    guard let tls else { return }
    tls.takeOutput(into: &ciphertext)
    guard ciphertext.readableBytes > 0 else { return }
    context.writeAndFlush(NIOAny(ciphertext), promise: nil)
    ciphertext.clear()
  }

  /// Says good-bye and closes once the peer has too, or after a while if it doesn't.
  ///
  /// Closing at once would make the kernel answer what is still under way with a TCP reset, which
  /// may overtake our last words; with `isAbrupt` a peer that floods is not listened to any longer.
  func close(within timeout: TimeAmount, isAbrupt: Bool = false) {
    tls?.close()
    if tls != nil { tls?.takeOutput(into: &ciphertext) }
    let channel = context.channel
    let last = ciphertext
    ciphertext = ByteBuffer()
    channel.writeAndFlush(last).whenComplete { _ in
      channel.close(mode: isAbrupt ? .all : .output, promise: nil)
    }
    let timer = channel.eventLoop.scheduleTask(in: timeout) { channel.close(promise: nil) }
    channel.closeFuture.whenComplete { _ in timer.cancel() }
  }
}
