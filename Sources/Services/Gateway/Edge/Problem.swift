import Encodings
package import HTTPTypes
package import Hummingbird

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
  package func json(requestID: String) -> String {
    var members: [(String, String)] = [
      // The status says what kind of problem it is (RFC 9457, 4.2.1).
      ("type", JSONText.string("about:blank")),
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
    return JSONText.object(members)
  }

  package func response(requestID: String) -> Response {
    var headers = headers
    headers[.contentType] = "application/problem+json"
    headers[.cacheControl] = "no-store"
    return Response(
      status: status, headers: headers,
      body: .init(byteBuffer: .init(string: json(requestID: requestID))))
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
