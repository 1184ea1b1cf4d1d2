/// Where a process finds its certificate, its key and the authority that it trusts: PEM files.
///
/// In a mesh both ends verify each other, unless a server is told not to ask; TLS 1.3 only; ALPN
/// `h2` unless told otherwise. A server of the web takes everybody, by TLS 1.2 or later.
package struct TLSConfiguration: Sendable, Hashable {
  /// Whether a server's clients must prove who they are.
  package enum ClientCertificates: Sendable, Hashable {
    case required
    /// For conformance and interoperability suites whose clients have none: every peer is nameless.
    case notAsked
  }

  /// The certificate chain of this process, its own certificate first, then those of authorities
  /// between it and the one that peers trust; exactly these are sent.
  package var certificateFile: String
  package var privateKeyFile: String
  /// The only authorities that a peer's certificate may come from; empty for a server of the web.
  package var certificateAuthorityFile: String
  package var clientCertificates = ClientCertificates.required
  /// What is spoken over the connection (ALPN, RFC 7301), the preferred protocol first. A peer that
  /// knows none of them is refused; with an empty list nothing is asked.
  package var applicationProtocols = ["h2"]
  /// Whether this is a server that browsers and SDKs come to.
  package private(set) var isForWeb = false
  /// Peers whose certificates are refused although the authority vouches for them.
  package var deniedPeers = DeniedPeers()

  package init(certificateFile: String, privateKeyFile: String, certificateAuthorityFile: String) {
    self.certificateFile = certificateFile
    self.privateKeyFile = privateKeyFile
    self.certificateAuthorityFile = certificateAuthorityFile
  }

  /// For a server of the web, whose clients are nameless. Those that don't say what they speak are
  /// taken too.
  package init(
    webCertificateFile: String, privateKeyFile: String, applicationProtocols: [String]
  ) {
    certificateFile = webCertificateFile
    self.privateKeyFile = privateKeyFile
    certificateAuthorityFile = ""
    clientCertificates = .notAsked
    self.applicationProtocols = applicationProtocols
    isForWeb = true
  }
}

/// Certificates that are refused although their authority vouches for them: of a process that was
/// taken over, or of a machine that is gone. Takes the place of revocation lists in a mesh whose
/// certificates live for weeks.
package struct DeniedPeers: Sendable, Hashable {
  /// In capital letters, two digits to a byte.
  private var serialNumbers: Set<String> = []
  private var identities: Set<String> = []

  package init() {}

  package var isEmpty: Bool { serialNumbers.isEmpty && identities.isEmpty }

  /// Adds a serial number in hexadecimal (`0A1B`, `0a:1b`), or a URI identity, which denies its
  /// instances too; false when the text is neither.
  package mutating func insert(_ text: String) -> Bool {
    if text.contains("://") {
      // A certificate's identity is visible ASCII; anything else would never match.
      guard text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else { return false }
      identities.insert(text)
      return true
    }
    let digits = text.uppercased().filter { $0 != ":" }
    guard !digits.isEmpty, digits.allSatisfy({ $0.isASCII && $0.isHexDigit }) else { return false }
    let number = digits.drop { $0 == "0" }
    serialNumbers.insert(number.count.isMultiple(of: 2) ? String(number) : "0" + String(number))
    return true
  }

  func contains(serialNumber: String, identities found: [String]) -> Bool {
    if serialNumbers.contains(serialNumber) { return true }
    return found.contains { identity in
      identities.contains { PeerURIs.names($0, identity) }
    }
  }
}

/// Why certificate files can't be used or a connection can't be trusted.
package enum TLSError: Error, Hashable {
  case fileUnreadable(path: String)
  /// The file holds no PEM of the kind that belongs there.
  case fileMalformed(path: String, reason: String)
  case keyDoesNotMatch(certificate: String, key: String)
  case certificateExpired(path: String)
  case certificateNotYetValid(path: String)
  /// OpenSSL refused a setting or ran out of memory.
  case setup(reason: String)
  /// The handshake failed, on our side or by an alert of the peer.
  case handshakeFailed(reason: String)
  /// The peer's certificate comes from the trusted authority but names another peer.
  case wrongPeer(expected: String, found: [String])
  /// The peer's certificate is on the list of those that are refused.
  case deniedPeer(serialNumber: String, identities: [String])
  /// The peer speaks none of our protocols (ALPN).
  case noApplicationProtocol(wanted: [String])
  /// Nobody vouches for servers: this machine has no list of authorities.
  case noAuthorities
  /// A record could not be read or written after the handshake.
  case connectionFailed(reason: String)
}

extension TLSError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .fileUnreadable(let path): "can't read \(path)"
    case .fileMalformed(let path, let reason): "\(path): \(reason)"
    case .keyDoesNotMatch(let certificate, let key):
      "the private key \(key) does not belong to the certificate \(certificate)"
    case .certificateExpired(let path): "the certificate \(path) has expired"
    case .certificateNotYetValid(let path): "the certificate \(path) is not valid yet"
    case .setup(let reason): "TLS set-up: \(reason)"
    case .handshakeFailed(let reason): "TLS handshake: \(reason)"
    case .wrongPeer(let expected, let found):
      "the peer's certificate names \(found.isEmpty ? "nobody" : found.joined(separator: ", ")), "
        + "not \(expected)"
    case .deniedPeer(let serialNumber, let identities):
      "the certificate \(serialNumber) of \(identities.joined(separator: ", ")) is denied"
    case .noApplicationProtocol(let wanted):
      "the peer does not speak \(wanted.joined(separator: " or "))"
    case .noAuthorities:
      "there are no certificate authorities on this machine (install ca-certificates)"
    case .connectionFailed(let reason): "TLS: \(reason)"
    }
  }
}
