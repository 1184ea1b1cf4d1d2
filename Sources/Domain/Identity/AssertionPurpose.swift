/// The services that accept assertions, by the names that stand in them.
package enum AssertionAudience: String, Sendable, Hashable, CaseIterable {
  case auth
  case vault
  case audit

  /// By the full name of a gRPC service, e.g. `chatelaine.vault.v1.KeyManagement`.
  package init?(serviceName: String) {
    let words = serviceName.utf8.split(separator: UInt8(ascii: "."))
    guard words.count > 1 else { return nil }
    self.init(rawValue: String(decoding: words[1], as: UTF8.self))
  }
}

/// What the methods of a service do, as far as it matters for whoever caught an assertion; the raw
/// value is what is signed.
package enum MethodClass: String, Sendable, Hashable, CaseIterable {
  /// Change nothing and open no key.
  case read
  /// Change what is stored. In `auth`, which gives rights that last, no assertion is enough for
  /// them: whoever calls brings the credential itself.
  case manage
  /// Open a key.
  case use

  private static let reading = ["Get", "List", "Count", "Export", "Watch", "Search", "Prove"]
  private static let opening = ["Resolve"]

  /// Goes by the first word of a method's name; what none of them begins counts as changing.
  package init(methodName: String) {
    if Self.reading.contains(where: { methodName.utf8.starts(with: $0.utf8) }) {
      self = .read
    } else if Self.opening.contains(where: { methodName.utf8.starts(with: $0.utf8) }) {
      self = .use
    } else {
      self = .manage
    }
  }
}

/// What one assertion is for: one service, one class of its methods.
package struct AssertionPurpose: Sendable, Hashable {
  package let audience: AssertionAudience
  package let methods: MethodClass

  package init(_ audience: AssertionAudience, _ methods: MethodClass) {
    self.audience = audience
    self.methods = methods
  }

  /// Looking at everything, changing nothing.
  package static let reading = AssertionAudience.allCases.map { AssertionPurpose($0, .read) }
  /// What a person's own pages do.
  package static let all =
    reading + [
      AssertionPurpose(.vault, .manage), AssertionPurpose(.vault, .use),
    ]
  /// Purposes of one question: each there is.
  package static let countMax = AssertionAudience.allCases.count * MethodClass.allCases.count
}

/// The peer that alone may bring an assertion.
package struct AssertionHolder: Sendable, Hashable {
  /// E.g. `spiffe://chatelaine/gateway`.
  package let peer: String
  /// SHA-256 (DER) of the certificates that it may show: several while they are renewed, since
  /// connections stay open. Empty where there is no TLS: then its identity alone counts.
  package let certificates: [[UInt8]]

  /// Certificates of one holder.
  package static let certificatesMax = 16

  package init(peer: String, certificates: [[UInt8]]) {
    self.peer = peer
    self.certificates = certificates
  }
}

/// What assertions are wanted for, and who will bring them.
package struct AssertionTerms: Sendable, Hashable {
  /// Empty for a caller from before there were purposes: one assertion for all that it does.
  package let purposes: [AssertionPurpose]
  /// Nil where nobody is known by a certificate.
  package let holder: AssertionHolder?

  package init(purposes: [AssertionPurpose] = [], holder: AssertionHolder? = nil) {
    self.purposes = purposes
    self.holder = holder
  }
}
