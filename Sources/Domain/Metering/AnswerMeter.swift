/// The tokens that a provider reports for one answer.
package struct TokenCounts: Sendable, Hashable {
  /// The most of one kind that is believed.
  package static let tokensMax = 1_000_000_000

  /// All tokens of the prompt, those of a cache too.
  package var input = 0
  /// All tokens that the model made, also those that it only thought.
  package var output = 0
  /// Of `input`: read from the provider's cache.
  package var cached = 0
  /// Of `input`: put into the provider's cache for some minutes, where that costs extra.
  package var cacheWritten = 0
  /// Of `input`: put into the provider's cache for an hour.
  package var cacheWrittenForHour = 0
  /// The answer was made under conditions that have prices of their own, e.g. with priority, or of
  /// sound.
  package var isSpecial = false

  package init(input: Int = 0, output: Int = 0, cached: Int = 0) {
    (self.input, self.output, self.cached) = (input, output, cached)
  }
}

/// Reads the tokens that a provider reports out of an answer that passes by, piece by piece.
///
/// It holds nothing up and keeps nothing of the answer. What it can't read, because it is
/// compressed, too large or no JSON, has no counts.
package struct AnswerMeter: Sendable {
  /// How the answer is written, as its head says.
  package enum Format: Sendable, Hashable {
    /// One JSON text, or several behind one another.
    case json
    /// Server-sent events whose data is JSON.
    case events
  }

  /// Bytes of an answer that are looked at.
  package static let answerBytesMax = 256 << 20

  private var walker = JSONWalker(UsagePlan())
  private var lines: EventLines?
  private var byteCount = 0

  package init(_ format: Format) {
    lines = format == .events ? EventLines() : nil
  }

  /// - Parameters:
  ///   - contentType: as the answer's head has it.
  ///   - contentCoding: empty where the head has none.
  ///
  /// Nil for an answer that can't be read.
  package init?(contentType: String, contentCoding: String) {
    guard contentCoding.isEmpty || contentCoding.lowercased() == "identity" else { return nil }
    let type = contentType.utf8.prefix { $0 != UInt8(ascii: ";") && $0 != UInt8(ascii: " ") }
    switch String(decoding: type, as: UTF8.self).lowercased() {
    case "text/event-stream": self.init(.events)
    case "application/json", "application/x-ndjson", "application/stream+json": self.init(.json)
    default: return nil
    }
  }

  package mutating func read(_ bytes: UnsafeRawBufferPointer) {
    // Also once it is too large: half a stream's counts are no counts.
    byteCount = min(byteCount, Self.answerBytesMax) + min(bytes.count, Self.answerBytesMax)
    guard byteCount <= Self.answerBytesMax else { return }
    if lines == nil {
      walker.read(bytes)
    } else {
      lines?.read(bytes, into: &walker)
    }
  }

  /// What has come so far says; nil where the provider reported nothing that can be believed.
  package var counts: TokenCounts? {
    byteCount <= Self.answerBytesMax ? walker.plan.counts : nil
  }

  /// The model that answered, by its own name.
  package var model: String? { walker.plan.model }
}

/// Finds the data in server-sent events (WHATWG HTML, 9.2.6).
private struct EventLines {
  private static let field = Array("data:".utf8)

  private enum Mode {
    /// So many bytes of `data:` have come.
    case field(Int)
    case data
    case otherLine
  }

  private var mode = Mode.field(0)
  private var isAfterReturn = false

  mutating func read(_ bytes: UnsafeRawBufferPointer, into walker: inout JSONWalker<UsagePlan>) {
    var index = 0
    while index < bytes.count {
      if case .field = mode {
        readField(bytes[index], &walker)
        index += 1
        continue
      }
      var end = index
      while end < bytes.count, !Self.endsLine(bytes[end]) { end += 1 }
      if case .data = mode { walker.read(UnsafeRawBufferPointer(rebasing: bytes[index..<end])) }
      if end < bytes.count {
        isAfterReturn = bytes[end] == UInt8(ascii: "\r")
        mode = .field(0)
        // A number or word may stand at the end; the lines of one event are joined by this.
        if !walker.isBroken { withUnsafeBytes(of: UInt8(ascii: "\n")) { walker.read($0) } }
        end += 1
      }
      index = end
    }
  }

  private mutating func readField(_ byte: UInt8, _ walker: inout JSONWalker<UsagePlan>) {
    guard case .field(let count) = mode else { return }
    defer { isAfterReturn = byte == UInt8(ascii: "\r") }
    if Self.endsLine(byte) {
      // CR LF ends one line, not two.
      let isSecondHalf = count == 0 && isAfterReturn && byte == UInt8(ascii: "\n")
      // An empty line ends the event.
      if count == 0, !isSecondHalf { walker.begin() }
      mode = .field(0)
    } else if byte == Self.field[count] {
      mode = count + 1 == Self.field.count ? .data : .field(count + 1)
    } else {
      mode = .otherLine
    }
  }

  private static func endsLine(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r")
  }
}
