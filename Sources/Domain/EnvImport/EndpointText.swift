import Cryptography
import Encodings
import Providers

/// Why an address of a file can't be used.
enum EndpointProblem: Error, Equatable, CustomStringConvertible {
  case invalid(EndpointURLError)
  case placeholder
  /// The line is malformed, and says so itself.
  case unread

  var description: String {
    switch self {
    case .invalid(let error): "the URL \(error)"
    case .placeholder: "a placeholder"
    case .unread: "not readable"
    }
  }
}

/// A value of an address variable: URLs in one line, or text that only looks like the name of one.
struct EndpointText {
  private let text: String
  private let variable: ProviderVariable
  private let isList: Bool

  init(_ text: String, of variable: ProviderVariable, isList: Bool) {
    self.text = ValueList.trimmed(text)
    self.variable = variable
    self.isList = isList
  }

  /// Nil where no address is meant: an empty value, a comment, a switch (`OPENAI_PROXY=true`).
  var urls: [Result<EndpointURL?, EndpointProblem>]? {
    guard !text.isEmpty, text.utf8.first != UInt8(ascii: "#") else { return nil }
    let parts = parts
    guard variable.isListed || parts.allSatisfy(isAddress) else { return nil }
    // Through a proxy of this kind the key still reaches its provider.
    guard !text.utf8.starts(with: "socks".utf8) else { return nil }
    return parts.map { part in
      guard !part.isEmpty else { return .success(nil) }
      do throws(EndpointURLError) {
        let url = try variable.provider.endpoint(fromVariable: part)
        return isPlaceholder(url) ? .failure(.placeholder) : .success(url)
      } catch {
        return .failure(.invalid(error))
      }
    }
  }

  /// A semicolon or comma may be part of a URL: it parts two only where each is a whole one.
  private var parts: [String] {
    for separator in [UInt8(ascii: ";"), UInt8(ascii: ",")] where text.utf8.contains(separator) {
      let parts = text.utf8.split(separator: separator, omittingEmptySubsequences: false)
        .map { ValueList.trimmed(String(Substring($0))) }
      let isBare = variable.provider.bareHost != nil
      guard isList || parts.allSatisfy({ $0.isEmpty || isBare || Self.hasScheme($0) }) else {
        continue
      }
      // A separator at the end ends the list.
      return parts.last == "" ? parts.dropLast() : parts
    }
    return [text]
  }

  private func isAddress(_ text: String) -> Bool {
    text.isEmpty || Self.hasScheme(text) || variable.provider.bareHost != nil
      || text.utf8.contains { ".:$<{".utf8.contains($0) }
  }

  private static func hasScheme(_ text: String) -> Bool {
    let bytes = text.utf8
    return bytes.indices.contains { bytes[$0...].starts(with: "://".utf8) }
  }

  private func isPlaceholder(_ url: EndpointURL) -> Bool {
    guard case .name(let host) = url.host else { return false }
    return Placeholder.isHost(host)
  }
}

/// Values that hold several.
enum ValueList {
  /// Keys are never so short that parts of this many bytes are one.
  private static let partBytesMin = KeyShape.issuedKeyBytesMin

  /// The keys of a value in their places: of a list every one, also the empty ones; else the parts
  /// between commas or semicolons where each may be a key (NextChat takes one of them by chance).
  static func keys(_ value: SecretBytes, isList: Bool) -> [SecretBytes] {
    for separator in [UInt8(ascii: ";"), UInt8(ascii: ",")] {
      let parts = value.withUnsafeBytes { bytes in
        bytes.split(separator: separator, omittingEmptySubsequences: false).map { part in
          let part = part.drop(while: isBlank)
          let end = part.lastIndex { !isBlank($0) }
          return SecretBytes(
            copying: UnsafeRawBufferPointer(rebasing: end.map { part[...$0] } ?? part.prefix(0)))
        }
      }
      guard parts.count > 1 else { continue }
      if isList || parts.allSatisfy({ $0.count >= partBytesMin }) { return parts }
    }
    return [value]
  }

  /// Without the blanks that a quoted value may have around it.
  static func trimmed(_ text: String) -> String {
    let rest = text.utf8.drop(while: isBlank)
    guard let last = rest.lastIndex(where: { !isBlank($0) }) else { return "" }
    return String(Substring(rest[...last]))
  }

  private static func isBlank(_ byte: UInt8) -> Bool { " \t\r\n".utf8.contains(byte) }
}
