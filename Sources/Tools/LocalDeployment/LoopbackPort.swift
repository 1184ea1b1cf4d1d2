import Foundation

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
