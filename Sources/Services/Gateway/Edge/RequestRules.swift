import Addresses
import Encodings
import HTTPTypes
import NIOHTTP1

/// What the head of a request must be like (RFC 9110, RFC 9112), apart from what the decoder sees
/// to.
enum RequestRules {
  private static let chunked = "chunked"
  private static let continuation = "100-continue"

  /// Refuses what must not be guessed at; `Problem` says why.
  static func check(_ head: HTTPRequestHead) throws(Problem) {
    if head.method == .CONNECT { try check(HTTPRequest.Method.connect) }
    try checkText(head)
    try checkTransferCoding(head)
    try checkHost(head)
  }

  static func check(_ method: HTTPRequest.Method) throws(Problem) {
    guard method != .connect else {
      throw Problem(.notImplemented, "this is not a forward proxy: CONNECT is not for it")
    }
  }

  /// Fields of bytes that are not UTF-8 could only be passed on as something else.
  private static func checkText(_ head: HTTPRequestHead) throws(Problem) {
    for (name, value) in head.headers where value.hasReplacementCharacter {
      throw Problem(.badRequest, "the header field \(name) is not UTF-8")
    }
    if head.uri.hasReplacementCharacter { throw Problem(.badRequest, "the address is malformed") }
  }

  // MARK: Framing

  /// `chunked` alone is understood (RFC 9112, 6.1).
  private static func checkTransferCoding(_ head: HTTPRequestHead) throws(Problem) {
    let fields = head.headers["transfer-encoding"]
    guard !fields.isEmpty else { return }
    guard !head.isHTTP10, head.headers["content-length"].isEmpty else {
      throw Problem(
        .badRequest,
        "Transfer-Encoding may stand neither beside Content-Length nor in HTTP/1.0")
    }
    let codings = fields.flatMap { $0.split(atByte: ",", omittingEmpty: false) }
      .map { $0.trimmingBlanks().lowercasedASCII() }
    guard codings.allSatisfy({ $0.hasBytes(of: chunked) }) else {
      throw Problem(.notImplemented, "the only transfer coding that is understood is chunked")
    }
    guard codings.count == 1 else {
      throw Problem(.badRequest, "Transfer-Encoding names chunked more than once")
    }
  }

  // MARK: Host

  /// One, and well-formed, in HTTP/1.1; HTTP/1.0 knows requests without (RFC 9112, 3.2).
  private static func checkHost(_ head: HTTPRequestHead) throws(Problem) {
    let hosts = head.headers["host"]
    guard hosts.count == 1 || hosts.isEmpty && head.isHTTP10 else {
      throw Problem(.badRequest, "the request needs one Host, and has \(hosts.count)")
    }
    for host in hosts { try check(host: host.trimmingBlanks()) }
  }

  static func check(host: String) throws(Problem) {
    guard isHost(host) else { throw Problem(.badRequest, "Host is malformed") }
  }

  /// `uri-host [":" port]` (RFC 3986, 3.2.2), which may be empty.
  static func isHost(_ text: String) -> Bool {
    guard text.utf8.first == UInt8(ascii: "[") else {
      let parts = text.split(atByte: ":", maxSplits: 1, omittingEmpty: false)
      return isRegisteredName(parts[0]) && (parts.count == 1 || isPort(parts[1]))
    }
    guard let close = text.utf8.firstIndex(of: UInt8(ascii: "]")) else { return false }
    let address = text[text.utf8.index(after: text.startIndex)..<close]
    let rest = text[text.utf8.index(after: close)...]
    guard address.containsByte(":"), IPAddress(String(address)) != nil else { return false }
    return rest.isEmpty || rest.utf8.first == UInt8(ascii: ":") && isPort(rest.dropFirst())
  }

  private static func isPort(_ text: Substring) -> Bool {
    guard text.utf8.count <= 5, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
      return false
    }
    return text.isEmpty || UInt16(text) != nil
  }

  private static func isRegisteredName(_ text: Substring) -> Bool {
    var bytes = text.utf8[...]
    while let byte = bytes.popFirst() {
      if byte == UInt8(ascii: "%") {
        guard bytes.prefix(2).count(where: isHexDigit) == 2 else { return false }
      } else if !isNameByte(byte) {
        return false
      }
    }
    return true
  }

  private static func isHexDigit(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
      UInt8(ascii: "A")...UInt8(ascii: "F"):
      true
    default: false
    }
  }

  /// `unreserved` and `sub-delims` of RFC 3986.
  private static func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      true
    default: "-._~!$&'()*+,;=".utf8.contains(byte)
    }
  }

  // MARK: Expectations

  /// Whether the client waits for `100 Continue` before it sends the body (RFC 9110, 10.1.1); an
  /// expectation that nobody knows is refused.
  static func expectsContinue(_ head: HTTPRequestHead) throws(Problem) -> Bool {
    guard !head.isHTTP10, try expectsContinue(head.headers["expect"]) else { return false }
    return !head.headers["transfer-encoding"].isEmpty
      || !(head.headers["content-length"].first ?? "0").hasBytes(of: "0")
  }

  /// Whether these values of Expect ask for `100 Continue`.
  static func expectsContinue(_ fields: [String]) throws(Problem) -> Bool {
    let expectations = fields.flatMap { $0.split(atByte: ",") }
      .map { $0.trimmingBlanks().lowercasedASCII() }.filter { !$0.isEmpty }
    guard !expectations.isEmpty else { return false }
    guard expectations.allSatisfy({ $0.hasBytes(of: continuation) }) else {
      throw Problem(.expectationFailed, "the only expectation that is met is 100-continue")
    }
    return true
  }

  // MARK: What the decoder refuses

  /// What a client is told whose request is not HTTP/1.
  static func problem(_ error: HTTPParserError) -> Problem {
    switch error {
    case .headerOverflow:
      Problem(
        .requestHeaderFieldsTooLarge,
        "address and header fields have more than \(EdgeServer.headerListBytesMax) bytes, or "
          + "there are more than \(EdgeServer.headerFieldsMax) fields")
    case .invalidVersion, .paused:
      Problem(.httpVersionNotSupported, "HTTP/1.1 and HTTP/1.0 are understood")
    case .invalidContentLength, .unexpectedContentLength:
      Problem(.badRequest, "Content-Length is malformed, or contradicts what stands beside it")
    case .invalidHeaderToken: Problem(.badRequest, "a header field is malformed")
    case .invalidMethod, .invalidURL, .invalidConstant:
      Problem(.badRequest, "the request line is malformed")
    default: Problem(.badRequest, "the request is not HTTP/1.1")
    }
  }
}

extension HTTPRequestHead {
  var isHTTP10: Bool { version.minor == 0 }
}
