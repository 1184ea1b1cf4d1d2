/// What tracing systems of several makers hand on with a trace: `tracestate`, whose contents are
/// not for us.
package struct TraceState: Sendable, Hashable {
  /// A comma-separated list, as it is sent; empty for none.
  package let text: String

  init() {
    text = ""
  }

  private init(text: String) {
    self.text = text
  }

  /// Puts together the fields of a call and keeps what W3C Trace Context allows.
  struct Parser {
    private static let memberCountMax = 32
    /// All of these are handed on; of a longer list, members are left out.
    private static let textBytesMax = 512
    /// In a list that is too long the members that go first are longer than this.
    private static let memberBytesMax = 128

    private var members: [[UInt8]] = []
    private var isValid = true

    mutating func append(_ value: UnsafeRawBufferPointer) {
      guard isValid else { return }
      for piece in value.split(separator: UInt8(ascii: ",")) {
        let member = Array(piece.trimmed)
        if member.isEmpty { continue }
        guard members.count < Self.memberCountMax, let key = Member.key(of: member),
          !members.contains(where: { Member.key(of: $0) == key })
        else {
          // A list with one fault is dropped as a whole.
          members = []
          isValid = false
          return
        }
        members.append(member)
      }
    }

    func finished() -> TraceState {
      guard !members.isEmpty else { return TraceState() }
      var members = members
      // With the commas between them.
      var byteCount = members.reduce(-1) { $0 + $1.count + 1 }
      while byteCount > Self.textBytesMax {
        let index =
          members.lastIndex { $0.count > Self.memberBytesMax }
          ?? members.index(before: members.endIndex)
        byteCount -= members.remove(at: index).count + 1
      }
      return TraceState(
        text: String(decoding: Array(members.joined(separator: ",".utf8)), as: UTF8.self))
    }
  }

  /// `key=value`, by the grammar of level 2, which takes all that level 1 does.
  private enum Member {
    private static let keyBytesMax = 256
    private static let valueBytesMax = 256

    /// Nil when it isn't a member.
    static func key(of member: [UInt8]) -> ArraySlice<UInt8>? {
      guard let equals = member.firstIndex(of: UInt8(ascii: "=")) else { return nil }
      let (key, value) = (member[..<equals], member[(equals + 1)...])
      guard let first = key.first, isLetterOrDigit(first), key.count <= keyBytesMax,
        key.allSatisfy({ isLetterOrDigit($0) || "_-*/@".utf8.contains($0) }),
        (1...valueBytesMax).contains(value.count), value.allSatisfy(isValueByte)
      else { return nil }
      return key
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
      default: false
      }
    }

    /// There are no commas any more.
    private static func isValueByte(_ byte: UInt8) -> Bool {
      (0x20...0x7E).contains(byte) && byte != UInt8(ascii: "=")
    }
  }
}

extension Slice<UnsafeRawBufferPointer> {
  /// Without the blanks around it.
  fileprivate var trimmed: Self {
    func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
    let start = drop(while: isBlank)
    guard let last = start.lastIndex(where: { !isBlank($0) }) else { return start.prefix(0) }
    return start[...last]
  }
}
