import Foundation
import NIOCore
import TLS

/// A connection on which anything can be sent; for one thread, which it blocks.
final class AttackConnection {
  static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)
  private static let readBytes = 64 << 10

  private let socket: Int32
  private let tls: TLSConnection?
  private(set) var heard = Heard()
  /// The server has closed or reset the connection.
  private(set) var isCut = false

  /// Connects and says hello with `settings`, unless `isSilent`.
  init(
    port: Int, tls context: TLSContext? = nil, settings: [Setting] = [], isSilent: Bool = false
  )
    throws
  {
    socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard socket >= 0 else { throw AttackError.system("socket", errno) }
    tls = try context.map { context throws(TLSError) in
      try TLSConnection(context, expecting: .host("127.0.0.1"))
    }
    try connect(port)
    if tls != nil { try shakeHands() }
    if !isSilent { send(Self.preface + Frame.settings(settings)) }
  }

  deinit { close(socket) }

  private func connect(_ port: Int) throws {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(UInt16(port).bigEndian)
    address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
    let result = withUnsafePointer(to: address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard result == 0 else { throw AttackError.system("connect", errno) }
    var on: Int32 = 1
    setsockopt(
      socket, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
    _ = fcntl(socket, F_SETFL, O_NONBLOCK)
  }

  private func shakeHands() throws {
    try tls?.start()
    flushTLS()
    guard wait(for: .seconds(10), until: { _ in tls?.isEstablished == true }) else {
      throw AttackError.noHandshake
    }
  }

  // MARK: Sending

  /// Sends everything unless the connection is cut first. Answers are read meanwhile, if at all.
  ///
  /// Gives up after a while when a server that isn't read from reads no more either.
  @discardableResult
  func send(_ bytes: [UInt8], reads: Bool = true) -> Bool {
    guard let tls else { return write(bytes, reads: reads) }
    var plaintext = ByteBuffer(bytes: bytes)
    do {
      try tls.send(&plaintext)
    } catch {
      isCut = true
      return false
    }
    return flushTLS(reads: reads)
  }

  @discardableResult
  private func flushTLS(reads: Bool = true) -> Bool {
    var ciphertext = ByteBuffer()
    tls?.takeOutput(into: &ciphertext)
    return write(Array(buffer: ciphertext), reads: reads)
  }

  private func write(_ bytes: [UInt8], reads: Bool) -> Bool {
    var sent = 0
    while sent < bytes.count, !isCut {
      let count = bytes.withUnsafeBytes { buffer in
        Glibc.send(
          socket, buffer.baseAddress.map { $0 + sent }, buffer.count - sent, Int32(MSG_NOSIGNAL))
      }
      if count > 0 {
        sent += count
      } else if errno == EAGAIN {
        guard poll(POLLOUT | (reads ? POLLIN : 0), .seconds(2)) else { return false }
      } else {
        isCut = true
      }
      if reads { read() }
    }
    // What the server said last is still there to be read after it has hung up.
    if isCut { drain() }
    return !isCut
  }

  // MARK: Receiving

  /// Reads until `isDone`, until the connection is cut, or until time is up; true in the first
  /// case.
  @discardableResult
  func wait(for timeout: Duration, until isDone: (Heard) -> Bool = { _ in false }) -> Bool {
    let limit = ContinuousClock.now.advanced(by: timeout)
    while true {
      read()
      if isDone(heard) { return true }
      let left = ContinuousClock.now.duration(to: limit)
      guard !isCut, left > .zero else { return false }
      _ = poll(POLLIN, left)
    }
  }

  /// Reads what has arrived, up to `bytesMax`.
  func read(bytesMax: Int = .max) {
    var left = bytesMax
    while !isCut, left > 0 {
      let count = receive(min(left, Self.readBytes))
      if count < 0, errno == EAGAIN { return }
      guard count > 0 else { return isCut = true }
      left -= count
    }
  }

  private func drain() {
    while receive(Self.readBytes) > 0 {}
  }

  /// Returns what recv(2) does.
  private func receive(_ bytesMax: Int) -> Int {
    withUnsafeTemporaryAllocation(byteCount: bytesMax, alignment: 1) { room in
      let count = recv(socket, room.baseAddress, bytesMax, 0)
      if count > 0 { take(UnsafeRawBufferPointer(rebasing: room[..<count])) }
      return count
    }
  }

  private func take(_ received: UnsafeRawBufferPointer) {
    guard let tls else { return heard.take(received) }
    var plaintext = ByteBuffer()
    do {
      try tls.receive(ByteBuffer(bytes: received), plaintext: &plaintext)
    } catch {
      isCut = true
    }
    heard.take(plaintext.readableBytesView)
    if !isCut { flushTLS(reads: false) }
  }

  private func poll(_ events: Int32, _ timeout: Duration) -> Bool {
    var entry = pollfd(fd: socket, events: Int16(events), revents: 0)
    let milliseconds =
      timeout.components.seconds * 1000 + timeout.components.attoseconds / 1_000_000_000_000_000
    return Glibc.poll(&entry, 1, Int32(clamping: milliseconds + 1)) > 0
  }
}

enum AttackError: Error {
  case system(String, Int32)
  case noHandshake
  case serverDidNotStart(String)
}
