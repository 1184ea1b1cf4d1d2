import CLinux
import Glibc
import NIOCore
import Synchronization

/// Waits for the sockets of all connections of the process on one thread, and tells the event loop
/// that owns a connection when its socket is ready.
///
/// SwiftNIO cannot watch a descriptor that another library reads from. Each report disarms its
/// socket until the owner arms it again: one hop per batch of results, and nothing is missed.
final class PostgresPoller: Sendable {
  static let shared = PostgresPoller()

  struct Interest: OptionSet {
    let rawValue: UInt32
    static let read = Interest(rawValue: UInt32(CLINUX_EPOLLIN) | UInt32(CLINUX_EPOLLRDHUP))
    static let write = Interest(rawValue: UInt32(CLINUX_EPOLLOUT))
  }

  private struct Registrations {
    var nextID: UInt64 = 1
    var connections: [UInt64: PostgresConnection] = [:]
  }

  private let epoll: Int32
  private let registrations = Mutex(Registrations())

  private init() {
    epoll = clinux_epoll_create()
    guard epoll >= 0, startOwnThread({ PostgresPoller.shared.wait() }) else {
      fatalError("no resources to wait for PostgreSQL: errno \(errno)")
    }
  }

  /// Starts watching, armed for reading. The id, not the descriptor, names the registration: the
  /// kernel gives a closed descriptor's number away again. Nil when the kernel refuses.
  func add(_ connection: PostgresConnection, socket: Int32) -> UInt64? {
    let id = registrations.withLock { registrations in
      defer { registrations.nextID += 1 }
      registrations.connections[registrations.nextID] = connection
      return registrations.nextID
    }
    guard clinux_epoll_ctl_add(epoll, socket, Self.events(.read), id) == 0 else {
      registrations.withLock { _ = $0.connections.removeValue(forKey: id) }
      return nil
    }
    return id
  }

  /// Asks for one more report. False when the kernel refuses.
  func arm(_ id: UInt64, socket: Int32, for interest: Interest) -> Bool {
    clinux_epoll_ctl_mod(epoll, socket, Self.events(interest), id) == 0
  }

  /// Stops watching; must come before the socket is closed.
  func remove(_ id: UInt64, socket: Int32) {
    _ = clinux_epoll_ctl_del(epoll, socket)
    registrations.withLock { _ = $0.connections.removeValue(forKey: id) }
  }

  private static func events(_ interest: Interest) -> UInt32 {
    interest.rawValue | UInt32(CLINUX_EPOLLONESHOT)
  }

  private func wait() {
    let capacity = Int(CLINUX_EPOLL_EVENTS_MAX)
    var events = [clinux_epoll_event](repeating: clinux_epoll_event(), count: capacity)
    while true {
      let count = clinux_epoll_wait(epoll, &events, Int32(capacity), -1)
      guard count >= 0 else {
        guard errno == EINTR else { fatalError("epoll_wait: errno \(errno)") }
        continue
      }
      // The lock is held while telling, so that a connection which is being removed hears nothing
      // after its loop may have stopped.
      registrations.withLock { registrations in
        for event in events.prefix(Int(count)) {
          guard let connection = registrations.connections[event.data] else { continue }
          connection.eventLoop.execute { connection.socketIsReady() }
        }
      }
    }
  }
}
