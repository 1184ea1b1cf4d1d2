import Encodings
import HTTP2
import HTTPTypes
import NIOHTTP1

/// The head of a request as HTTP/2 carries it (RFC 9113, 8.3.1), whose rules nghttp2 checks:
/// pseudo-header fields first and once, nothing about connections, a length that is the body's.
struct HTTP2RequestHead {
  private(set) var request: HTTPRequest
  /// Why the request can't be answered as it is; `request` is a stand-in then.
  private(set) var refusal: Problem?
  /// Whether the client waits for `100 Continue` with its body.
  private(set) var awaitsContinue = false

  private static let cookieSeparator = "; "

  init(_ block: HeaderBlock, hasBody: Bool) {
    request = HTTPRequest(method: .get, scheme: "https", authority: nil, path: "/")
    do throws(Problem) {
      try read(block, hasBody: hasBody)
    } catch {
      refusal = error
    }
  }

  private mutating func read(_ block: HeaderBlock, hasBody: Bool) throws(Problem) {
    guard !block.isTooLarge else { throw Self.tooMany }
    var pseudo: [String: String] = [:]
    var fields = HTTPFields()
    var cookies: [String] = []
    var hosts: [String] = []
    var expectations: [String] = []
    var malformed: String?
    var count = 0
    block.forEach { name, value in
      count += 1
      guard count <= EdgeServer.headerFieldsMax else { return }
      let name = String(decoding: name, as: UTF8.self)
      let value = String(decoding: value, as: UTF8.self)
      if value.hasReplacementCharacter { malformed = malformed ?? name }
      switch name {
      case _ where name.utf8.first == UInt8(ascii: ":"): pseudo[name] = value
      // Split for the sake of compression (RFC 9113, 8.2.3).
      case "cookie": cookies.append(value)
      case "host": hosts.append(value)
      case "expect": expectations.append(value)
      case "te": break
      default:
        guard let name = HTTPField.Name(name) else { return malformed = malformed ?? name }
        fields.append(HTTPField(name: name, value: value))
      }
    }
    guard count <= EdgeServer.headerFieldsMax else { throw Self.tooMany }
    if let malformed {
      throw malformed == ":path"
        ? Problem(.badRequest, "the address is malformed")
        : Problem(.badRequest, "the header field \(malformed) is not UTF-8")
    }
    if !cookies.isEmpty { fields[.cookie] = cookies.joined(separator: Self.cookieSeparator) }
    guard let method = pseudo[":method"].flatMap({ HTTPRequest.Method($0) }) else {
      throw Problem(.badRequest, "the method is malformed")
    }
    try RequestRules.check(method)
    let authority = pseudo[":authority"] ?? hosts.first
    guard let authority, hosts.allSatisfy({ $0.hasBytes(of: authority) }) else {
      throw Problem(.badRequest, "the request needs one :authority or Host")
    }
    try RequestRules.check(host: authority)
    awaitsContinue = try RequestRules.expectsContinue(expectations) && hasBody
    request = HTTPRequest(
      method: method, scheme: pseudo[":scheme"], authority: authority,
      path: pseudo[":path"] ?? "", headerFields: fields)
  }

  private static var tooMany: Problem { RequestRules.problem(.headerOverflow) }
}

/// The head of an answer, and its trailer fields, as HTTP/2 carries them.
enum HTTP2AnswerHead {
  /// About the connection of HTTP/1.1 (RFC 9113, 8.2.2).
  private static let connectionFields: Set<String> = [
    "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade",
  ]
  /// The same in many answers, and no secret: HPACK may remember them.
  private static let indexedFields: Set<String> = [
    "cache-control", "content-security-policy", "content-type", "cross-origin-opener-policy",
    "cross-origin-resource-policy", "permissions-policy", "referrer-policy",
    "strict-transport-security", "vary", "x-content-type-options",
  ]

  static func fields(_ head: HTTPResponse) -> HeaderFields {
    var fields = HeaderFields()
    fields.append(":status", "\(head.status.code)", isIndexed: true)
    append(head.headerFields, to: &fields)
    return fields
  }

  static func trailers(_ trailers: HTTPFields) -> HeaderFields {
    var fields = HeaderFields()
    append(trailers, to: &fields)
    return fields
  }

  private static func append(_ list: HTTPFields, to fields: inout HeaderFields) {
    for field in list where !connectionFields.contains(field.name.canonicalName) {
      let name = field.name.canonicalName
      fields.append(name, field.value, isIndexed: indexedFields.contains(name))
    }
  }
}
