import Glibc

/// Finds the method of a call by its path, without making a `String` of the path.
package struct Router: Sendable {
  /// Open addressing: hashes of paths (0 where there is none) and places in `routes`. A power of
  /// two, at most half full. The table is fixed at start and the hash unkeyed: peers can't add to
  /// it.
  private var hashes: [UInt64]
  private var places: [Int]
  private var paths: [[UInt8]] = []
  private let services: Set<String>
  /// Every route, in the order of the services.
  package private(set) var routes: [Route] = []

  /// A path that is registered twice goes to the service that comes first.
  package init(services: [any RPCService], interceptors: [any ServerInterceptor]) {
    let handlers = services.flatMap(\.methodHandlers)
    var capacity = 16
    while capacity < handlers.count * 2 { capacity *= 2 }
    hashes = [UInt64](repeating: 0, count: capacity)
    places = [Int](repeating: 0, count: capacity)
    self.services = Set(handlers.map(\.descriptor.service))
    for handler in handlers {
      let path = Array(handler.descriptor.path.utf8)
      let (slot, hash) = path.withUnsafeBytes { find($0) }
      guard hashes[slot] == 0 else { continue }
      hashes[slot] = hash
      places[slot] = routes.count
      paths.append(path)
      routes.append(Route(handler, index: routes.count, interceptors: interceptors))
    }
  }

  package func route(_ path: UnsafeRawBufferPointer) -> Route? {
    let (slot, _) = find(path)
    return hashes[slot] == 0 ? nil : routes[places[slot]]
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

  /// FNV-1a over words instead of bytes; never 0, which stands for an empty slot.
  private static func hash(_ path: UnsafeRawBufferPointer) -> UInt64 {
    let prime: UInt64 = 0x100_0000_01b3
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325 ^ UInt64(path.count)
    var index = 0
    while index + 8 <= path.count {
      hash = (hash ^ path.loadUnaligned(fromByteOffset: index, as: UInt64.self)) &* prime
      hash ^= hash >> 32
      index += 8
    }
    while index < path.count {
      hash = (hash ^ UInt64(path[index])) &* prime
      index += 1
    }
    return hash | 1
  }

  private func isPath(_ path: UnsafeRawBufferPointer, at place: Int) -> Bool {
    paths[place].withUnsafeBytes { known in
      guard known.count == path.count, let known = known.baseAddress, let path = path.baseAddress
      else { return false }
      return memcmp(known, path, paths[place].count) == 0
    }
  }

  /// Where `path` is, or where it would be, and its hash.
  private func find(_ path: UnsafeRawBufferPointer) -> (slot: Int, hash: UInt64) {
    let hash = Self.hash(path)
    var slot = Int(truncatingIfNeeded: hash >> 1) & (hashes.count - 1)
    while hashes[slot] != 0, hashes[slot] != hash || !isPath(path, at: places[slot]) {
      slot = (slot + 1) & (hashes.count - 1)
    }
    return (slot, hash)
  }
}
