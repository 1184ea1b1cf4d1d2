/// Finds the method of a call by its path, without making a `String` of the path.
package struct Router: Sendable {
  private struct Slot: Sendable {
    let path: [UInt8]
    let route: Route
  }

  /// Open addressing; a power of two, at most half full. The table is fixed at start and the hash
  /// unkeyed: peers can't add to it.
  private let slots: [Slot?]
  private let services: Set<String>
  /// Every route, in the order of the services.
  package let routes: [Route]

  /// A path that is registered twice goes to the service that comes first.
  package init(services: [any RPCService], interceptors: [any ServerInterceptor]) {
    let handlers = services.flatMap(\.methodHandlers)
    var capacity = 16
    while capacity < handlers.count * 2 { capacity *= 2 }
    var slots = [Slot?](repeating: nil, count: capacity)
    var routes: [Route] = []
    for handler in handlers {
      let path = Array(handler.descriptor.path.utf8)
      let index = path.withUnsafeBytes { Self.index(of: $0, in: slots) }
      if slots[index] == nil {
        let route = Route(handler, index: routes.count, interceptors: interceptors)
        routes.append(route)
        slots[index] = Slot(path: path, route: route)
      }
    }
    self.slots = slots
    self.routes = routes
    self.services = Set(handlers.map(\.descriptor.service))
  }

  package func route(_ path: UnsafeRawBufferPointer) -> Route? {
    slots[Self.index(of: path, in: slots)]?.route
  }

  package func route(_ path: String) -> Route? {
    var path = path
    return path.withUTF8 { route(UnsafeRawBufferPointer($0)) }
  }

  /// The answer to a call of a path that isn't there.
  package func unimplemented(_ path: String) -> RPCError {
    let parts = path.split(separator: "/", omittingEmptySubsequences: false)
    if parts.count == 3, services.contains(String(parts[1])) {
      return RPCError(.unimplemented, "unknown method \(parts[2]) of service \(parts[1])")
    }
    return RPCError(.unimplemented, "unknown service")
  }

  /// Where `path` is, or where it would be.
  private static func index(of path: UnsafeRawBufferPointer, in slots: [Slot?]) -> Int {
    // FNV-1a.
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in path { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    var index = Int(truncatingIfNeeded: hash) & (slots.count - 1)
    while let slot = slots[index], !slot.path.elementsEqual(path) {
      index = (index + 1) & (slots.count - 1)
    }
    return index
  }
}
