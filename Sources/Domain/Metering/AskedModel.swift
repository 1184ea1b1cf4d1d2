/// The model that a request's body asks for, where the body is one JSON object.
package enum AskedModel {
  private struct Plan: JSONPlan {
    enum Place { case root, elsewhere }

    var model: String?

    static var root: Place { .root }
    static func matters(_ place: Place) -> Bool { place == .root }
    static func place(of name: [UInt8], in parent: Place, isObject: Bool) -> Place { .elsewhere }
    static func place(ofElementIn parent: Place) -> Place { .elsewhere }

    mutating func found(_ number: Int, at name: [UInt8], in place: Place) {}

    mutating func found(_ text: [UInt8], at name: [UInt8], in place: Place) {
      // The last of several, as most readers have it.
      if place == .root, name.elementsEqual("model".utf8) { model = ModelName.read(text) }
    }
  }

  /// Nil where it names none, or none that is a name.
  package static func read(_ body: UnsafeRawBufferPointer) -> String? {
    var walker = JSONWalker(Plan())
    walker.read(body)
    return walker.isBroken ? nil : walker.plan.model
  }
}

/// The name of a model as a record keeps it.
package enum ModelName {
  /// The longest that is kept, in bytes.
  package static let bytesMax = 128

  /// The name, without Google's `models/`; nil for what is no name: blanks, letters that aren't
  /// ASCII, too much of it.
  package static func read(_ bytes: some Collection<UInt8>) -> String? {
    let prefix = "models/".utf8
    let name = bytes.starts(with: prefix) ? bytes.dropFirst(prefix.count) : bytes[...]
    guard (1...bytesMax).contains(name.count),
      name.allSatisfy({ (UInt8(ascii: "!")...UInt8(ascii: "~")).contains($0) })
    else { return nil }
    return String(decoding: name, as: UTF8.self)
  }
}

/// What kind of thing a request asks of a provider, by its path.
package enum Operation: String, Sendable, Hashable, CaseIterable {
  case chat, embeddings, image, audio, rerank, moderation, tokens, files, batch, models, other

  /// What a segment of a path says, the verb behind a colon of Google's included.
  private static let words: [(String, Operation)] = [
    ("batches", .batch), ("batchGenerateContent", .batch), ("files", .files), ("uploads", .files),
    ("count_tokens", .tokens), ("countTokens", .tokens), ("tokenize", .tokens),
    ("detokenize", .tokens), ("embeddings", .embeddings), ("embed", .embeddings),
    ("embedContent", .embeddings), ("batchEmbedContents", .embeddings), ("rerank", .rerank),
    ("moderations", .moderation), ("images", .image), ("audio", .audio),
    ("text-to-speech", .audio), ("completions", .chat), ("responses", .chat),
    ("messages", .chat), ("chat", .chat), ("generateContent", .chat),
    ("streamGenerateContent", .chat), ("generate", .chat), ("models", .models),
  ]

  /// - Parameter path: at the provider, as sent.
  package init(path: String) {
    let segments = path.utf8.split { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: ":") }
    let found = Self.words.first { word, _ in segments.contains { $0.elementsEqual(word.utf8) } }
    self = found?.1 ?? .other
  }
}
