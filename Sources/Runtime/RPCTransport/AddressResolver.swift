import Glibc
package import NIOCore
import NIOPosix

/// Finds the addresses behind a name.
package protocol AddressResolver: Sendable {
  /// All addresses of `host`, the preferred first; asked again when a connection is lost or can't be
  /// made.
  func addresses(of host: String, port: Int) async throws -> [SocketAddress]
}

/// Asks the system (`getaddrinfo`): hosts file, DNS, whatever it is configured for.
package struct SystemResolver: AddressResolver {
  package init() {}

  package func addresses(of host: String, port: Int) async throws -> [SocketAddress] {
    // The call blocks, for seconds if a name server is away.
    try await NIOThreadPool.singleton.runIfActive { try Self.lookUp(host, port: port) }
  }

  private static func lookUp(_ host: String, port: Int) throws(ResolutionError) -> [SocketAddress] {
    var hints = addrinfo()
    hints.ai_family = AF_UNSPEC
    hints.ai_socktype = CInt(SOCK_STREAM.rawValue)
    var first: UnsafeMutablePointer<addrinfo>?
    let code = getaddrinfo(host, String(port), &hints, &first)
    guard code == 0 else {
      throw ResolutionError(host: host, reason: String(cString: gai_strerror(code)))
    }
    defer { freeaddrinfo(first) }
    var found: [SocketAddress] = []
    var next = first
    while let entry = next {
      if let address = address(entry.pointee) { found.append(address) }
      next = entry.pointee.ai_next
    }
    return found
  }

  private static func address(_ entry: addrinfo) -> SocketAddress? {
    guard let start = UnsafeRawPointer(entry.ai_addr) else { return nil }
    switch entry.ai_family {
    case AF_INET where entry.ai_addrlen >= MemoryLayout<sockaddr_in>.size:
      return SocketAddress(start.loadUnaligned(as: sockaddr_in.self))
    case AF_INET6 where entry.ai_addrlen >= MemoryLayout<sockaddr_in6>.size:
      return SocketAddress(start.loadUnaligned(as: sockaddr_in6.self))
    default: return nil
    }
  }
}

/// Why a name gave no addresses.
package struct ResolutionError: Error, CustomStringConvertible {
  package let host: String
  package let reason: String

  package var description: String { "can't resolve \(host): \(reason)" }
}
