internal import Synchronization

/// Bounds what the large messages of a connection, and of all connections, may take together.
///
/// A message that fits a stream's first window needs nobody's leave. A larger one reserves its whole
/// length before its sender gets more credit, so that those who have leave always complete: waiting
/// streams can't starve each other.
struct ReceiveBudget {
  private let shared: ServerShared
  private var reservedBytes = 0
  private var waiting: [ServerCall] = []

  init(_ shared: ServerShared) {
    self.shared = shared
  }

  var hasWaiting: Bool { !waiting.isEmpty }

  private func fits(_ byteCount: Int) -> Bool {
    // One message of ordinary size is always let through: others must not starve this connection.
    if reservedBytes == 0, byteCount <= ServerShared.receiveAllowanceBytes { return true }
    return reservedBytes + byteCount <= ServerShared.receiveBytesMax
      && shared.receiveBytes.load(ordering: .relaxed) + byteCount
        <= max(ServerShared.receiveBytesTotalMax, byteCount)
  }

  /// False leaves the call waiting: `release` will name it later.
  mutating func reserve(_ byteCount: Int, for call: ServerCall) -> Bool {
    guard waiting.isEmpty, fits(byteCount) else {
      waiting.append(call)
      return false
    }
    grant(byteCount, to: call)
    return true
  }

  private mutating func grant(_ byteCount: Int, to call: ServerCall) {
    reservedBytes += byteCount
    shared.receiveBytes.add(byteCount, ordering: .relaxed)
    call.reservedBytes = byteCount
  }

  /// Takes a call out, whether it had leave or waited; returns those that have leave now.
  mutating func release(_ call: ServerCall) -> [ServerCall] {
    if call.reservedBytes == 0 {
      guard call.wantedBytes > 0 else { return [] }
      waiting.removeAll { $0 === call }
    }
    reservedBytes -= call.reservedBytes
    shared.receiveBytes.subtract(call.reservedBytes, ordering: .relaxed)
    call.reservedBytes = 0
    call.wantedBytes = 0
    return grantWaiting()
  }

  /// Those that have leave now; other connections may have given some back.
  mutating func grantWaiting() -> [ServerCall] {
    var granted: [ServerCall] = []
    while let next = waiting.first, fits(next.wantedBytes) {
      waiting.removeFirst()
      grant(next.wantedBytes, to: next)
      granted.append(next)
    }
    return granted
  }
}
