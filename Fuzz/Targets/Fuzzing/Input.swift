package import NIOCore

/// The bytes that libFuzzer hands to a target, taken from the front as decisions and as data.
///
/// Past the end every decision is zero, so that each input means something.
package struct Input {
  private var rest: UnsafeBufferPointer<UInt8>.SubSequence

  package init(_ start: UnsafePointer<UInt8>?, _ count: Int) {
    rest = UnsafeBufferPointer(start: start, count: count)[...]
  }

  package var isEmpty: Bool { rest.isEmpty }

  package mutating func byte() -> UInt8 { rest.popFirst() ?? 0 }

  package mutating func bool() -> Bool { byte() & 1 == 1 }

  package mutating func integer<Integer: FixedWidthInteger>(_ type: Integer.Type) -> Integer {
    (0..<MemoryLayout<Integer>.size).reduce(0) { value, _ in
      value << 8 | Integer(truncatingIfNeeded: byte())
    }
  }

  /// A number below `bound`, which is at most 256.
  package mutating func choice(of bound: Int) -> Int { Int(byte()) % bound }

  /// The next `count` bytes, or as many as there are.
  package mutating func bytes(_ count: Int) -> [UInt8] {
    let taken = Array(rest.prefix(count))
    rest = rest.dropFirst(count)
    return taken
  }

  /// As many bytes as the next byte says.
  package mutating func shortBytes() -> [UInt8] { bytes(Int(byte())) }

  package mutating func remaining() -> [UInt8] { bytes(rest.count) }
}

/// A text cut into the pieces in which a socket might deliver it.
package struct Pieces: Sequence, IteratorProtocol {
  private var rest: ArraySlice<UInt8>
  private let sizes: [Int]
  private var turn = 0

  /// The lengths of the pieces go round and round through `sizes`.
  package init(_ bytes: [UInt8], sizes: [UInt8]) {
    rest = bytes[...]
    self.sizes = sizes.isEmpty ? [bytes.count + 1] : sizes.map { Int($0) + 1 }
  }

  package mutating func next() -> ByteBuffer? {
    guard !rest.isEmpty else { return nil }
    let piece = rest.prefix(sizes[turn % sizes.count])
    turn += 1
    rest = rest.dropFirst(piece.count)
    return ByteBuffer(bytes: piece)
  }
}
