import CLinux
import Glibc
import NIOCore
import Synchronization
import Threads

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

  /// A watched socket. `id` names it in reports; `descriptor` is a duplicate of our own, because
  /// libpq closes its descriptor when it likes, and the kernel gives the number away again.
  struct Registration {
    fileprivate let id: UInt64
    fileprivate let descriptor: Int32
  }

  private struct Registrations {
    var nextID: UInt64 = 1
    var connections: [UInt64: PostgresConnection] = [:]
  }

  private let epoll: Int32
  private let registrations = Mutex(Registrations())

  private init() {
    epoll = clinux_epoll_create()
    guard epoll >= 0, OwnThread.start({ PostgresPoller.shared.wait() }) else {
      fatalError("no resources to wait for PostgreSQL: errno \(errno)")
    }
  }

  /// Starts watching, armed for reading. Nil when the kernel refuses.
  func add(_ connection: PostgresConnection, socket: Int32) -> Registration? {
    let descriptor = fcntl(socket, F_DUPFD_CLOEXEC, 0)
    guard descriptor >= 0 else { return nil }
    let id = registrations.withLock { registrations in
      defer { registrations.nextID += 1 }
      registrations.connections[registrations.nextID] = connection
      return registrations.nextID
    }
    let registration = Registration(id: id, descriptor: descriptor)
    guard clinux_epoll_ctl_add(epoll, descriptor, Self.events(.read), id) == 0 else {
      remove(registration)
      return nil
    }
    return registration
  }

  /// Asks for one more report. False when the kernel refuses.
  func arm(_ registration: Registration, for interest: Interest) -> Bool {
    clinux_epoll_ctl_mod(
      epoll, registration.descriptor, Self.events(interest), registration.id) == 0
  }

  /// Stops watching, for good.
  func remove(_ registration: Registration) {
    // Explicitly: closing alone stops nothing while libpq's descriptor is open.
    _ = clinux_epoll_ctl_del(epoll, registration.descriptor)
    _ = Glibc.close(registration.descriptor)
    registrations.withLock { _ = $0.connections.removeValue(forKey: registration.id) }
  }

  private static func events(_ interest: Interest) -> UInt32 {
    interest.rawValue | UInt32(CLINUX_EPOLLONESHOT)
  }

  private func wait() {
    // One buffer for the thread's life: an array would be copied on each round.
    let events = UnsafeMutableBufferPointer<clinux_epoll_event>.allocate(
      capacity: Int(CLINUX_EPOLL_EVENTS_MAX))
    events.initialize(repeating: clinux_epoll_event())
    while true {
      let count = Int(clinux_epoll_wait(epoll, events.baseAddress, Int32(events.count), -1))
      guard count >= 0 else {
        guard errno == EINTR else { fatalError("epoll_wait: errno \(errno)") }
        continue
      }
      // The lock is held while telling, so that a connection which is being removed hears nothing
      // after its loop may have stopped.
      registrations.withLock { registrations in
        for index in 0..<min(count, events.count) {
          guard let connection = registrations.connections[events[index].data] else { continue }
          connection.eventLoop.execute { connection.socketIsReady() }
        }
      }
    }
  }
}
