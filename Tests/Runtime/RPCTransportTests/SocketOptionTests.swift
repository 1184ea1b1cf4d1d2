import Foundation
import NIOCore
import RPC
import RPCTransport
import Testing

/// What is set on the sockets of both sides, as the kernel tells it.
@Suite(.timeLimit(.minutes(1))) struct SocketOptionTests {
  private struct Options: Equatable {
    let noDelay: CInt
    let debug: CInt
  }

  @Test func smallFramesLeaveAtOnceAndNothingIsDebugged() async throws {
    try await withServer { server, client in
      _ = try await client.call("Echo", "x")
      let found = Self.connections(at: server.port)
      // One end is the client's and one the server's.
      #expect(found.count == 2)
      // SO_DEBUG is the same number at another level, and needs CAP_NET_ADMIN.
      #expect(found.allSatisfy { $0 == Options(noDelay: 1, debug: 0) }, "\(found)")
    }
  }

  /// The sockets of this process that are connected and have `port` at one of their ends.
  private static func connections(at port: Int) -> [Options] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
    return names.compactMap { CInt($0) }.compactMap { socket in
      guard let peer = end(of: socket, getpeername), let own = end(of: socket, getsockname),
        peer == port || own == port
      else { return nil }
      return Options(
        noDelay: option(of: socket, CInt(IPPROTO_TCP), TCP_NODELAY),
        debug: option(of: socket, SOL_SOCKET, SO_DEBUG))
    }
  }

  private static func end(
    of socket: CInt,
    _ ask: (CInt, UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> CInt
  ) -> Int? {
    // As `sockaddr_in` lies in memory: the family, then the port.
    withUnsafeTemporaryAllocation(byteCount: 128, alignment: 8) { room in
      var size = socklen_t(room.count)
      guard let start = room.baseAddress,
        ask(socket, start.assumingMemoryBound(to: sockaddr.self), &size) == 0,
        room.load(as: UInt16.self) == UInt16(AF_INET)
      else { return nil }
      return Int(UInt16(bigEndian: room.load(fromByteOffset: 2, as: UInt16.self)))
    }
  }

  private static func option(of socket: CInt, _ level: CInt, _ name: CInt) -> CInt {
    var value: CInt = -1
    var size = socklen_t(MemoryLayout<CInt>.size)
    getsockopt(socket, level, name, &value, &size)
    return value
  }
}
