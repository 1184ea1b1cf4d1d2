/// Bounds what the large messages of a connection may take together.
///
/// A message that fits a stream's first window needs nobody's leave. A larger one reserves its whole
/// length before its sender gets more credit, so that those who have leave always complete: waiting
/// streams can't starve each other.
struct ReceiveBudget {
  private let bytesMax: Int
  private var reservedBytes = 0
  private var waiting: [ServerCall] = []

  init(bytesMax: Int) {
    self.bytesMax = bytesMax
  }

  /// False leaves the call waiting: `release` will name it later.
  mutating func reserve(_ byteCount: Int, for call: ServerCall) -> Bool {
    guard waiting.isEmpty, reservedBytes + byteCount <= bytesMax else {
      waiting.append(call)
      return false
    }
    grant(byteCount, to: call)
    return true
  }

  private mutating func grant(_ byteCount: Int, to call: ServerCall) {
    reservedBytes += byteCount
    call.reservedBytes = byteCount
  }

  /// Takes a call out, whether it had leave or waited; returns those that have leave now.
  mutating func release(_ call: ServerCall) -> [ServerCall] {
    if call.reservedBytes == 0 {
      guard call.wantedBytes > 0 else { return [] }
      waiting.removeAll { $0 === call }
    }
    reservedBytes -= call.reservedBytes
    call.reservedBytes = 0
    call.wantedBytes = 0
    var granted: [ServerCall] = []
    while let next = waiting.first, reservedBytes + next.wantedBytes <= bytesMax {
      waiting.removeFirst()
      grant(next.wantedBytes, to: next)
      granted.append(next)
    }
    return granted
  }
}
