import Encodings
import Protobuf
import Providers
import ServiceAPI

/// What a provider's answer to a test means for the key.
struct KeyTestVerdict: Sendable, Hashable {
  typealias Outcome = GatewayAPI.KeyTest.Outcome

  private(set) var outcome: Outcome
  /// One sentence for a person.
  private(set) var message: String
  /// The provider's own, without anything secret; empty where the key works.
  private(set) var providerMessage = ""
  /// 0 when no answer came.
  private(set) var status = 0
  private(set) var modelCount: Int?

  /// The provider was not reached; `reason` is a sentence.
  static func unreachable(_ reason: String) -> KeyTestVerdict {
    KeyTestVerdict(outcome: .unreachable, message: "Not reached. \(reason)")
  }

  private init(outcome: Outcome, message: String) {
    (self.outcome, self.message) = (outcome, message)
  }

  /// - Parameter key: what must not be in the provider's words.
  init(
    status: Int, body: [UInt8], of provider: Provider, _ call: Provider.TestCall, key: String
  ) {
    let document = try? JSONParser.parse(body)
    let words = document?.words ?? ""
    outcome = Self.outcome(status, words: words)
    message = ""
    self.status = status
    if outcome == .works {
      modelCount = call.models.flatMap { document?.count(ofList: $0) }
    } else {
      providerMessage = ProviderWords.scrubbed(words, of: key)
    }
    message = sentence(about: provider)
  }

  private static func outcome(_ status: Int, words: String) -> Outcome {
    let words = words.lowercased()
    func tells(_ texts: [String]) -> Bool { texts.contains { words.contains($0) } }
    switch status {
    case 200..<300: return .works
    // It has the key before it and keeps something else from it: the list that was asked for.
    case 401 where tells(restrictions), 403 where tells(restrictions): return .works
    case 401, 403: return tells(creditWords) ? .noCredit : .refused
    case 402: return .noCredit
    case 429: return tells(creditWords) ? .noCredit : .rateLimited
    // Google and xAI say so of a key that they don't know.
    case 400 where tells(["api key", "api_key", "apikey"]): return .refused
    default: return .unclear
    }
  }

  /// For the key's health.
  var keyState: VaultAPI.KeyState {
    switch outcome {
    case .works: .valid
    case .refused: .refused
    case .noCredit: .noCredit
    case .rateLimited: .rateLimited
    case .unreachable: .unreachable
    case .unspecified, .unclear, .notTestable, .unrecognized: .unspecified
    }
  }

  private static let restrictions = [
    "missing scopes", "missing_scope", "missing_permissions", "missing the permission",
    "insufficient permissions for this operation",
  ]
  private static let creditWords = [
    "insufficient_quota", "insufficient quota", "insufficient balance", "insufficient credit",
    "exceeded your current quota", "credit balance", "out of credit", "no credit",
    "billing_hard_limit", "payment required", "arrearage",
  ]

  private func sentence(about provider: Provider) -> String {
    let name = provider.endpoint == .required ? "The endpoint" : provider.displayName
    switch outcome {
    case .works where !(200..<300).contains(status):
      return "\(name) takes the key, which may not list models."
    case .works:
      guard let modelCount else { return "\(name) takes the key." }
      return "\(name) takes the key: \(modelCount) \(modelCount == 1 ? "model" : "models")."
    case .refused: return "\(name) refused the key (\(status))."
    case .noCredit: return "\(name) knows the key, whose account has no credit left (\(status))."
    case .rateLimited:
      return "\(name) knows the key, which asks too often at the moment (\(status))."
    default:
      return "\(name) answered \(status), which says nothing about the key."
    }
  }
}

extension GatewayAPI.KeyTest {
  init(_ verdict: KeyTestVerdict, milliseconds: Int64) {
    self.init(
      outcome: verdict.outcome, message: verdict.message,
      providerMessage: verdict.providerMessage, status: Int32(clamping: verdict.status),
      modelCount: verdict.modelCount.map { Int32(clamping: $0) }, milliseconds: milliseconds)
  }
}

extension JSONValue {
  private func member(_ name: String) -> JSONValue? {
    guard case .object(let members) = self else { return nil }
    return members.first { $0.name.utf8.elementsEqual(name.utf8) }?.value
  }

  /// How many elements the list of this name has; of the value itself for no name.
  fileprivate func count(ofList name: String) -> Int? {
    guard case .array(let elements)? = name.isEmpty ? self : member(name) else { return nil }
    return elements.count
  }

  /// What providers say where something is wrong, in the order in which they are known for it.
  fileprivate var words: String {
    switch self {
    case .string(let text): return text
    case .array(let elements): return elements.first?.words ?? ""
    case .object:
      var words: [String] = []
      for name in ["error", "message", "detail", "details", "msg", "code", "reason", "status"] {
        guard let text = member(name)?.words, !text.isEmpty, !words.contains(text) else { continue }
        words.append(text)
      }
      return words.joined(separator: " · ")
    default: return ""
    }
  }
}

/// A provider's words, as they may be shown.
enum ProviderWords {
  static let charactersMax = 300
  /// Shorter pieces of a key tell nothing.
  static let secretBytesMin = 6
  /// Longer words of letters and digits may be somebody's secret, and are no words.
  static let wordBytesMax = 32

  /// Without the key, pieces of it, and whatever else looks like a secret: providers repeat what
  /// they were sent.
  static func scrubbed(_ text: String, of key: String) -> String {
    let words = text.utf8.split { $0 <= 0x20 || $0 == 0x7F }.map { word in
      isSecret(Array(word), key) ? "…" : String(Substring(word))
    }
    let line = words.joined(separator: " ").unicodeScalars
    guard line.count > charactersMax else { return String(line) }
    return String(line.dropLast(line.count - charactersMax + 1)) + "…"
  }

  private static func isSecret(_ bytes: [UInt8], _ key: String) -> Bool {
    let secret = Array(key.utf8)
    let letters = bytes.filter { $0.isASCIILetter || $0.isASCIIDigit }
    let isAddress = ["http://", "https://"].contains { bytes.starts(with: $0.utf8) }
    if !isAddress, letters.count > wordBytesMax { return true }
    guard secret.count >= secretBytesMin else {
      return !secret.isEmpty && bytes.indices.contains { bytes[$0...].starts(with: secret) }
    }
    guard bytes.count >= secretBytesMin else { return false }
    let pieces = Set(
      (0...(secret.count - secretBytesMin)).map { Array(secret[$0..<($0 + secretBytesMin)]) })
    // Public beginnings such as `sk-proj-` are pieces too: a word less, and no harm.
    return (0...(bytes.count - secretBytesMin)).contains { start in
      pieces.contains(Array(bytes[start..<(start + secretBytesMin)]))
    }
  }
}
