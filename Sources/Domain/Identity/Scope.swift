/// What an access token may be used for. A session is its owner and needs no scope.
package enum Scope: String, Sendable, Hashable, CaseIterable {
  /// Use the owner's keys through the proxy.
  case use
  /// List and change the owner's keys and access tokens.
  case manage
  /// Read the owner's audit log.
  case readAudit = "read-audit"
}

/// The scopes of one access token, written as OAuth writes them (RFC 6749, section 3.3).
package struct Scopes: Sendable, Hashable {
  package let all: Set<Scope>

  package init(_ scopes: some Sequence<Scope>) { all = Set(scopes) }

  /// What a token may do when nobody asked for more.
  package static let standard = Scopes([.use])

  /// Reads words between spaces. A word that this version doesn't know grants nothing, so that a
  /// newer service may add scopes while an older one runs.
  package init(text: String) {
    all = Set(
      text.utf8.split(separator: UInt8(ascii: " "))
        .compactMap { Scope(rawValue: String(decoding: $0, as: UTF8.self)) })
  }

  /// Words between spaces, always in the same order.
  package var text: String {
    Scope.allCases.filter(all.contains).map(\.rawValue).joined(separator: " ")
  }

  /// Whether each of `others` is among these.
  package func include(_ others: Scopes) -> Bool { others.all.isSubset(of: all) }
}

/// How an access token reads, so that whoever passes requests on can tell one from other secrets.
package enum AccessTokenText {
  /// What every access token begins with; not secret.
  package static let prefix = "chat_"
}
