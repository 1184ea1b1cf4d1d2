import HTTP2
import NIOHTTP1

/// Requests and answers as the header fields of HTTP/2 (RFC 9113, 8.3), whose rules nghttp2 checks:
/// three digits of status, pseudo-header fields first and once, nothing about connections.
enum HTTP2Heads {
  /// As many fields as an HTTP/1.1 answer may have.
  static let fieldsMax = UpstreamConnector.answerFieldsMax

  /// About the connection of HTTP/1.1 (RFC 9113, 8.2.2), or said by a pseudo-header field.
  private static let replacedFields: Set<String> = [
    "host", "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "te",
  ]
  /// The same in each request, and no secret: HPACK may remember them.
  private static let indexedFields: Set<String> = [
    "accept", "accept-encoding", "accept-language", "content-type", "user-agent", "via",
    "anthropic-version",
  ]

  /// The fields of a request that was made for HTTP/1.1.
  static func request(_ head: HTTPRequestHead) -> HeaderFields {
    var fields = HeaderFields(https)
    fields.append(":method", head.method.rawValue, isIndexed: true)
    fields.append(":authority", head.headers.first(name: "host") ?? "", isIndexed: true)
    fields.append(":path", head.uri)
    for (name, value) in head.headers {
      // A name is ASCII: `UpstreamRequest.head` has seen to that.
      let name = name.lowercased()
      guard !replacedFields.contains(name) else { continue }
      fields.append(name, value, isIndexed: indexedFields.contains(name))
    }
    return fields
  }

  private static let https = FixedHeaderFields([(":scheme", "https")])

  /// The head of a final or interim answer.
  ///
  /// - Throws: `malformedAnswer` when there is too much of it, or no status that one can pass on.
  static func answer(_ block: HeaderBlock) throws(UpstreamError) -> HTTPResponseHead {
    var status = 0
    let headers = try headers(block) { value in
      // nghttp2 has seen that these are three digits.
      status = value.reduce(0) { 10 * $0 + Int($1 &- UInt8(ascii: "0")) }
    }
    guard status >= 100, status <= 999 else { throw .malformedAnswer("status \(status)") }
    return HTTPResponseHead(
      version: .http2, status: HTTPResponseStatus(statusCode: status), headers: headers)
  }

  static func trailers(_ block: HeaderBlock) throws(UpstreamError) -> HTTPHeaders {
    try headers(block) { _ in }
  }

  private static func headers(
    _ block: HeaderBlock, status: (UnsafeRawBufferPointer) -> Void
  ) throws(UpstreamError) -> HTTPHeaders {
    guard !block.isTooLarge else { throw .malformedAnswer("header fields of too many bytes") }
    var headers = HTTPHeaders()
    var count = 0
    block.forEach { name, value in
      count += 1
      guard count <= fieldsMax else { return }
      if name.first == UInt8(ascii: ":") { return status(value) }
      headers.add(
        name: String(decoding: name, as: UTF8.self), value: String(decoding: value, as: UTF8.self))
    }
    guard count <= fieldsMax else { throw .malformedAnswer("more than \(fieldsMax) header fields") }
    try headers.checkText()
    return headers
  }
}
