/// Sends request bodies on several streams of one connection as fast as the server gives credit.
struct Upload {
  private static let firstWindowBytes = 65_535

  let connection: AttackConnection
  private var sentBytes: [Int: Int] = [:]

  init(_ connection: AttackConnection) {
    self.connection = connection
  }

  /// Sends the body on each stream until all is gone, the connection is cut, a stream is over, or
  /// no more credit comes.
  ///
  /// - Returns: how many bytes have left.
  mutating func send(_ body: [UInt8], on streams: [Int], ends: Bool = false) -> Int {
    var open = streams
    while !open.isEmpty, !connection.isCut {
      open.removeAll { connection.heard.isOver($0) || sentBytes[$0, default: 0] == body.count }
      var isStuck = true
      for stream in open {
        let count = min(room(stream), body.count - sentBytes[stream, default: 0])
        guard count > 0 else { continue }
        isStuck = false
        send(body, count, on: stream, ends: ends)
      }
      let before = connection.heard.count(.windowUpdate)
      if isStuck, !open.isEmpty,
        !connection.wait(for: .milliseconds(500), until: { $0.count(.windowUpdate) > before })
      {
        break
      }
    }
    return streams.reduce(0) { $0 + sentBytes[$1, default: 0] }
  }

  private func room(_ stream: Int) -> Int {
    let all = sentBytes.values.reduce(0, +)
    let credit = connection.heard.credit
    return min(
      Frame.payloadBytesMax, Self.firstWindowBytes + credit[0, default: 0] - all,
      Self.firstWindowBytes + credit[stream, default: 0] - sentBytes[stream, default: 0])
  }

  private mutating func send(_ body: [UInt8], _ count: Int, on stream: Int, ends: Bool) {
    let start = sentBytes[stream, default: 0]
    sentBytes[stream] = start + count
    connection.send(
      Frame.data(
        stream, Array(body[start..<start + count]), ends: ends && start + count == body.count))
  }
}
