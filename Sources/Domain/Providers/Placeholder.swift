import Encodings

/// The texts that stand in place of a key until somebody fills it in.
package struct Placeholder {
  private let text: String
  /// Runs of letters and digits.
  private let tokens: [[UInt8]]
  private let words: Set<[UInt8]>
  private let wordBytesMax: Int

  /// `text` and `variable` in lower case.
  init(text: String, provider: Provider, variable: String) {
    self.text = text
    tokens = Self.tokens(of: text)
    let own = [provider.id, provider.displayName, variable] + (provider.keyPrefixes ?? [])
    words = Self.vocabulary.union(
      own.flatMap { Self.tokens(of: $0.lowercased()) }.filter { $0.count > 1 })
    wordBytesMax = words.map(\.count).max() ?? 0
  }

  var isNoKeyNeeded: Bool { Self.noKeyNeeded.contains(Array(tokens.joined())) }

  /// `<key>`, `{{ KEY }}`, `[key]`, `__KEY__`.
  var isWrapped: Bool {
    let bytes = Array(text.utf8)
    return Self.wrappers.contains { wrapper in
      bytes.count >= 2 * wrapper.open.utf8.count && bytes.starts(with: wrapper.open.utf8)
        && bytes.reversed().starts(with: wrapper.close.utf8.reversed())
    }
  }

  /// Part of it was made unreadable: `sk-...`, `sk-…`, `sk-***`, `sk-proj-xxxxxx`.
  var isMasked: Bool {
    let bytes = Array(text.utf8)
    return !bytes.isEmpty
      && (tokens.isEmpty || Self.masks.contains { Self.contains(bytes, Array($0.utf8)) })
  }

  /// Nothing but words of this kind, the provider's names, and runs.
  var isMadeOfWords: Bool {
    !tokens.isEmpty && tokens.allSatisfy(isMadeOfWords)
      && tokens.map(Self.sequenceCount).reduce(0, +) <= Self.sequenceBytesMax
  }

  /// Counted digits or letters behind at most the beginning that such keys have.
  var isSequence: Bool {
    let rest = tokens.drop { Self.keyBeginnings.contains($0) }
    return !rest.isEmpty && rest.allSatisfy { Self.sequenceCount($0) == $0.count }
  }

  /// `https://your-resource.openai.azure.com`, `https://<resource>.openai.azure.com`.
  package static func isHost(_ name: String) -> Bool {
    let label = name.utf8.prefix { $0 != UInt8(ascii: ".") }
    let words = Set(tokens(of: String(Substring(label)).lowercased()))
    return words.contains(Array("your".utf8))
      || words.contains(Array("resource".utf8)) && words.isSubset(of: hostWords)
  }

  /// Whether words and runs, one behind the other, make up all of `token`.
  private func isMadeOfWords(_ token: [UInt8]) -> Bool {
    guard token.count <= Self.tokenBytesMax || Set(token).count == 1 else { return false }
    var reached = [Bool](repeating: false, count: token.count + 1)
    reached[0] = true
    for start in token.indices where reached[start] {
      for end in (start + 1)...min(token.count, start + wordBytesMax)
      where !reached[end] && words.contains(Array(token[start..<end])) {
        reached[end] = true
      }
      let run = Self.runCount(token[start...])
      if run > 0 { reached[start + run] = true }
    }
    return reached[token.count]
  }

  /// Bytes at the beginning that are one letter again and again, or count upwards.
  private static func runCount(_ bytes: ArraySlice<UInt8>) -> Int {
    let same = bytes.prefix { $0 == bytes.first }.count
    if same >= 3 || same == 2 && bytes.first == UInt8(ascii: "x") { return same }
    return ascendingCount(bytes)
  }

  private static func ascendingCount(_ bytes: ArraySlice<UInt8>) -> Int {
    var count = min(1, bytes.count)
    while count < bytes.count {
      let (last, next) = (bytes[bytes.startIndex + count - 1], bytes[bytes.startIndex + count])
      guard last < .max, next == last + 1 || last == UInt8(ascii: "9") && next == UInt8(ascii: "0")
      else { break }
      count += 1
    }
    return count >= 3 ? count : 0
  }

  /// Bytes of `token` that count upwards.
  private static func sequenceCount(_ token: [UInt8]) -> Int {
    var (index, sum) = (0, 0)
    while index < token.count {
      let count = ascendingCount(token[index...])
      sum += count
      index += max(count, 1)
    }
    return sum
  }

  private static func contains(_ bytes: [UInt8], _ part: [UInt8]) -> Bool {
    bytes.indices.contains { bytes[$0...].starts(with: part) }
  }

  private static func tokens(of text: String) -> [[UInt8]] {
    text.utf8.split { !$0.isASCIILower && !$0.isASCIIDigit && $0 < 0x80 }.map(Array.init)
  }
}

extension Placeholder {
  private static let tokenBytesMax = 64
  /// A longer count is somebody's idea of a key for a test, and as good as another.
  private static let sequenceBytesMax = 12

  private static let wrappers: [(open: String, close: String)] = [
    ("<", ">"), ("{", "}"), ("[", "]"), ("(", ")"), ("__", "__"), ("«", "»"),
  ]
  private static let masks = ["...", "…", "***", "xxxxxx", "••", "<your", "<api"]

  private static let keyBeginnings = Set(
    list("sk ant proj or v1 gsk hf pk key token xai pplx nvapi csk fw pa jina r8 api03"))

  private static let hostWords = Set(list("my the resource name"))

  private static let noKeyNeeded = Set(
    list(
      """
      empty none null nil nokey nokeyrequired nokeyneeded nokeynecessary notneeded notrequired
      notused skempty sknone sknokey sknokeyrequired skdummy sknotneeded sknotrequired
      dummy dummykey fake fakekey unused ignored ollama lmstudio llamacpp local anything whatever na
      """))

  /// The beginnings of keys count too: alone they are none.
  private static let vocabulary = Set(
    list(
      """
      a your yours my our the this that these is it in to of for from with and or as be by on at if
      an not no do does dont api apis apikey key keys secret secrets token tokens password pass
      passwd value string id account credential credentials here there goes go enter insert put add
      paste fill set get give use change changeme changeit replace me please todo tbd tba fixme
      placeholder example examples sample demo dummy fake mock test testing tests foo bar baz foobar
      none null nil undefined empty unset disabled optional required needed unused ignored invalid
      user provided supplied actual real own new valid redacted hidden masked removed missing secure
      ai llm org project platform provider service cloud dev default whatever something anything
      false true yes off live model chat console dashboard website site file env variable copy from
      generated generate created create obtain obtained qwerty asdf lorem ipsum
      """)
  ).union(keyBeginnings)

  private static func list(_ words: String) -> [[UInt8]] {
    words.utf8.split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\n") }.map(Array.init)
  }
}
