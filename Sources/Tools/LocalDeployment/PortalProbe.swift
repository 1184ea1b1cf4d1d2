import Foundation
import Threads

/// Asks the portal itself whether it can serve: `GET /readyz` on loopback.
///
/// A ready file says only that a process listens. Whether the gateway reaches the services behind
/// it, and they their database, it alone knows.
struct PortalProbe: Sendable {
  /// What the portal answered.
  enum Answer: Sendable, Equatable {
    case ready
    /// With the names of the services that are missing, as far as the portal knows them.
    case missing([String])
    case nothing
  }

  static let pollInterval: Duration = .milliseconds(50)
  /// How long one question may take; the gateway gives its services two seconds.
  static let answerTimeoutSeconds = 4
  private static let answerBytesMax = 16_384

  private struct Document: Decodable {
    let services: [String: String]
  }

  let port: Int

  /// Asks until the portal is ready.
  ///
  /// - Returns: the last answer; `.ready` unless `timeout` passed.
  func waitUntilReady(within timeout: Duration) async throws -> Answer {
    let deadline = ContinuousClock.now + timeout
    while true {
      let answer = try await OwnThread.run { ask() }
      if answer == .ready || .now >= deadline { return answer }
      try await Task.sleep(for: Self.pollInterval)
    }
  }

  /// Whether the portal answers at all, well or not; blocks for `timeout` for each step.
  func isAlive(within timeout: Duration) -> Bool {
    exchange("GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n", timeout)
      != nil
  }

  /// Blocks for `answerTimeoutSeconds` for connecting, sending and each read at the most.
  private func ask() -> Answer {
    guard
      let text = exchange("GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
    else { return .nothing }
    if text.starts(with: "HTTP/1.1 200 ".utf8) { return .ready }
    guard let start = text.firstIndex(of: UInt8(ascii: "{")),
      let document = try? JSONDecoder().decode(Document.self, from: Data(text[start...]))
    else { return .missing([]) }
    return .missing(document.services.filter { $0.value != "ok" }.keys.sorted())
  }

  private func exchange(
    _ request: String, _ timeout: Duration = .seconds(PortalProbe.answerTimeoutSeconds)
  ) -> [UInt8]? {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    let (seconds, attoseconds) = timeout.components
    var limit = timeval(tv_sec: Int(seconds), tv_usec: Int(attoseconds / 1_000_000_000_000))
    for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
      setsockopt(descriptor, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
    }
    let bytes = [UInt8](request.utf8)
    guard LoopbackPort.connect(descriptor, to: port),
      send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count
    else { return nil }
    var answer: [UInt8] = []
    while answer.count < Self.answerBytesMax {
      var piece = [UInt8](repeating: 0, count: 4_096)
      let count = recv(descriptor, &piece, piece.count, 0)
      guard count > 0 else { break }
      answer += piece.prefix(count)
    }
    return answer.isEmpty ? nil : answer
  }
}

/// Ports of 127.0.0.1.
enum LoopbackPort {
  /// Whether a server could listen on the port now; connections of an earlier one that linger in
  /// TIME_WAIT don't count. For 0 always true.
  static func isFree(_ port: Int) -> Bool { bind(port) != nil }

  /// A port that the kernel says is free. Somebody else may take it before it is used.
  static func choose() throws -> Int {
    guard let port = bind(0) else {
      throw DeploymentError.environment("cannot listen on 127.0.0.1: no port is free")
    }
    return port
  }

  /// 127.0.0.1 with this port, for the kernel.
  static func address(_ port: Int) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(UInt16(clamping: port)).bigEndian
    address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
    return address
  }

  /// Connects a socket; blocks as long as its options allow.
  static func connect(_ descriptor: Int32, to port: Int) -> Bool {
    var address = address(port)
    let length = socklen_t(MemoryLayout<sockaddr_in>.size)
    return withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Foundation.connect(descriptor, $0, length) == 0
      }
    }
  }

  private static func bind(_ port: Int) -> Int? {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var one: Int32 = 1
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<Int32>.size))
    var address = address(port)
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    return withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic -> Int? in
        // Listening too: bind alone succeeds beside a listener when both set SO_REUSEADDR.
        guard Foundation.bind(descriptor, generic, length) == 0, listen(descriptor, 1) == 0,
          getsockname(descriptor, generic, &length) == 0
        else { return nil }
        return Int(UInt16(bigEndian: pointer.pointee.sin_port))
      }
    }
  }
}
