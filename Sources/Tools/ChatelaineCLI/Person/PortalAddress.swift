import Addresses
import Encodings
import Foundation

/// Where a portal is: an origin to which credentials may be sent.
struct PortalAddress: Hashable, CustomStringConvertible {
  /// `https://host` or `https://host:port`, without a slash behind it.
  let description: String
  /// Plain HTTP, to this machine.
  let isPlain: Bool

  /// - Throws: `CommandError` for text that is no origin, and for plain HTTP to another machine:
  ///   whoever is on the way would read the token.
  init(_ text: String) throws(CommandError) {
    guard let parts = URLComponents(string: text), let scheme = parts.scheme?.lowercased(),
      ["http", "https"].contains(scheme), let host = parts.host?.lowercased(), !host.isEmpty,
      parts.user == nil, parts.password == nil, parts.query == nil, parts.fragment == nil,
      ["", "/"].contains(parts.path), (1...65_535).contains(parts.port ?? 443)
    else {
      throw CommandError(
        "'\(text)' is not an address of a portal, such as https://keys.example.org")
    }
    let name = host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host
    let isLoopback = name == "localhost" || IPAddress(name)?.isLoopback == true
    guard scheme == "https" || isLoopback else {
      throw CommandError("\(text): what is sent there can be read on the way; it must be https")
    }
    let shown = name.contains(":") ? "[\(name)]" : name
    description = "\(scheme)://\(shown)" + (parts.port.map { ":\($0)" } ?? "")
    isPlain = scheme == "http"
  }
}

/// Queries of addresses.
enum QueryText {
  static func encode(_ text: String) -> String { PercentCoding.encode(text) }

  /// `?name=value&…` of the pairs that have a value; empty without any.
  static func query(_ pairs: [(name: String, value: String?)]) -> String {
    let parts = pairs.compactMap { name, value in value.map { "\(name)=\(encode($0))" } }
    return parts.isEmpty ? "" : "?" + parts.joined(separator: "&")
  }
}
