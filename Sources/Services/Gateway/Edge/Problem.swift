import Encodings
package import HTTPTypes
import NIOCore

extension HTTPResponse.Status {
  /// RFC 4918, section 11.5; HTTPTypes has no name for it.
  package static let insufficientStorage = HTTPResponse.Status(
    code: 507, reasonPhrase: "Insufficient Storage")
}

/// An answer that is not what the client wanted (RFC 9457, "problem details").
///
/// Everything but `logDetail` is for the client.
package struct Problem: Error, Sendable {
  /// What is wrong with one field of the request.
  package struct Field: Sendable, Hashable {
    /// Its JSON name.
    package let name: String
    package let detail: String

    package init(name: String, detail: String) {
      (self.name, self.detail) = (name, detail)
    }
  }

  package let status: HTTPResponse.Status
  /// A sentence for a person; empty where the status says it all.
  package var detail = ""
  package var fields: [Field] = []
  /// `Allow`, `Retry-After`, `WWW-Authenticate`.
  package var headers = HTTPFields()
  /// For the operator's log.
  package var logDetail: String?

  package init(
    _ status: HTTPResponse.Status, _ detail: String = "", fields: [Field] = [],
    headers: HTTPFields = [:], logDetail: String? = nil
  ) {
    self.status = status
    self.detail = detail
    self.fields = fields
    self.headers = headers
    self.logDetail = logDetail
  }

  /// A field that is wrong; the message names it.
  package static func invalid(_ field: String, _ detail: String) -> Problem {
    Problem(
      .badRequest, "\(field): \(detail)", fields: [Field(name: field, detail: detail)])
  }

  package static func unauthenticated(_ detail: String) -> Problem {
    Problem(.unauthorized, detail, headers: [.wwwAuthenticate: "Bearer realm=\"chatelaine\""])
  }

  package static func tooLarge(limitBytes: Int) -> Problem {
    Problem(.contentTooLarge, "the body is larger than \(limitBytes) bytes")
  }

  /// The document, as JSON.
  package func json(requestID: String, for reader: ProblemReader = .program) -> String {
    var members: [(String, String)] = [
      // The status says what kind of problem it is (RFC 9457, 4.2.1).
      ("type", JSONText.string(reader == .anthropicSDK ? "error" : "about:blank")),
      ("title", JSONText.string(status.reasonPhrase)),
      ("status", "\(status.code)"),
    ]
    if !detail.isEmpty { members.append(("detail", JSONText.string(detail))) }
    members.append(("requestId", JSONText.string(requestID)))
    if !fields.isEmpty {
      let errors = fields.map { field in
        JSONText.object([
          ("field", JSONText.string(field.name)), ("detail", JSONText.string(field.detail)),
        ])
      }
      members.append(("errors", "[\(errors.joined(separator: ","))]"))
    }
    if reader != .program {
      members.append(
        (
          "error",
          JSONText.object([
            ("message", JSONText.string(detail.isEmpty ? status.reasonPhrase : detail)),
            ("type", JSONText.string(status.nameForSDKs)), ("code", JSONText.string(status.word)),
          ])
        ))
    }
    return JSONText.object(members)
  }

  package func response(requestID: String, for reader: ProblemReader = .program) -> Response {
    var headers = headers
    headers[.contentType] = "application/problem+json"
    headers[.requestID] = requestID
    headers[.cacheControl] = "no-store"
    return Response(
      status: status, headers: headers,
      body: .init(byteBuffer: .init(string: json(requestID: requestID, for: reader))))
  }
}

/// An error that says itself what a client is told of it.
package protocol ProblemConvertible: Error {
  var problem: Problem { get }
}

extension Problem {
  /// What the client is told of any error that a route throws.
  package init(catching error: any Error) {
    switch error {
    case let problem as Problem: self = problem
    case let error as any ProblemConvertible: self = error.problem
    case is CancellationError:
      self.init(.internalServerError, logDetail: "the client went away")
    default:
      // The type's name only: a description may repeat a header or a body.
      self.init(.internalServerError, logDetail: "unexpected \(type(of: error))")
    }
  }
}

/// Who reads a problem document: SDKs of providers look for the members that their provider sends.
package enum ProblemReader: Sendable, Hashable {
  /// The members of RFC 9457.
  case program
  /// Also `error`, as OpenAI and most others send it: without it SDKs show the status alone.
  case sdk
  /// Also `"type":"error"`, as Anthropic's SDKs want it.
  case anthropicSDK

  /// Whoever sent this request to a path below `/proxy/`.
  package init(ofProxied headers: HTTPFields, path: String) {
    let isAnthropic =
      headers[.anthropicVersion] != nil || path.beginsWithBytes(of: "/proxy/anthropic/")
    self = isAnthropic ? .anthropicSDK : .sdk
  }
}

extension HTTPField.Name {
  /// Every SDK of Anthropic's sends it, to whichever address.
  fileprivate static let anthropicVersion = fixed("anthropic-version")
}

extension HTTPResponse.Status {
  /// `error.type`, by the names of Anthropic, which OpenAI's are among.
  fileprivate var nameForSDKs: String {
    switch code {
    case 401: "authentication_error"
    case 403: "permission_error"
    case 404: "not_found_error"
    case 413: "request_too_large"
    case 429: "rate_limit_error"
    case 503: "overloaded_error"
    case 504: "timeout_error"
    case 500...: "api_error"
    default: "invalid_request_error"
    }
  }

  /// `error.code`: the reason phrase as one word, e.g. `bad_gateway`.
  fileprivate var word: String {
    String(
      decoding: reasonPhrase.lowercasedASCII().utf8.map {
        $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "-") ? UInt8(ascii: "_") : $0
      }, as: UTF8.self)
  }
}
