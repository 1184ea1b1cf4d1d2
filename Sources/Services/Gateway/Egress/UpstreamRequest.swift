import Encodings
package import HTTPTypes
package import NIOHTTP1
import Providers

/// What goes to a provider, apart from its body.
package struct UpstreamRequest: Sendable {
  package let method: HTTPRequest.Method
  /// As the client sent it, beginning with a slash.
  package let path: String
  /// Without the question mark; nil where there is none.
  package let query: String?
  package var headers: HTTPHeaders

  package init(
    method: HTTPRequest.Method, path: String, query: String?, headers: HTTPHeaders = [:]
  ) {
    self.method = method
    self.path = path
    self.query = query
    self.headers = headers
  }

  /// Whether the provider is asked to go on with another protocol, which HTTP/2 can't.
  var offersUpgrade: Bool { headers.first(name: "upgrade") != nil }

  /// The request line and fields as they are written (RFC 9112, 3), byte for byte what the client
  /// sent.
  ///
  /// - Parameter bodyLength: nil when it isn't known before the end.
  /// - Throws: `malformedRequest` when something in it could end the line that it stands on.
  func head(
    for endpoint: EndpointURL, bodyLength: BodyLength
  ) throws(UpstreamError) -> HTTPRequestHead {
    let target = endpoint.path(below: path) + (query.map { "?\($0)" } ?? "")
    guard target.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) else {
      throw .malformedRequest("address")
    }
    var fields = HTTPHeaders()
    fields.reserveCapacity(headers.count + 2)
    fields.add(name: "host", value: endpoint.authority)
    for (name, value) in headers {
      guard Self.isToken(name), HTTPField.isValidValue(value) else {
        throw .malformedRequest("header field")
      }
      fields.add(name: name, value: value)
    }
    switch bodyLength {
    case .none:
      // Whoever may send a body and doesn't says so (RFC 9110, 8.6).
      if method.meansBody { fields.add(name: "content-length", value: "0") }
    case .known(let count): fields.add(name: "content-length", value: "\(count)")
    case .unknown: fields.add(name: "transfer-encoding", value: "chunked")
    }
    return HTTPRequestHead(
      version: .http1_1, method: HTTPMethod(rawValue: method.rawValue),
      uri: target, headers: fields)
  }
}

extension UpstreamRequest {
  /// RFC 9110, 5.6.2. `HTTPField.Name` would make its lower-case text for the answer.
  private static func isToken(_ name: String) -> Bool {
    !name.isEmpty
      && name.utf8.allSatisfy { byte in
        byte.isASCIILetter || byte.isASCIIDigit || tokenMarks.contains(byte)
      }
  }

  private static let tokenMarks = Array("-_!#$%&'*+.^`|~".utf8)
}

/// How much of a body is to come.
enum BodyLength: Sendable, Hashable {
  case none
  case known(Int)
  case unknown
}

extension HTTPRequest.Method {
  fileprivate var meansBody: Bool { self == .post || self == .put || self == .patch }
}
