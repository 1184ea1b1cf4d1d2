import Encodings
import HTTPTypes
import Hummingbird

/// An answer that is not what the client wanted (RFC 9457, "problem details").
///
/// Everything but `logDetail` is for the client.
struct Problem: Error, Sendable {
  /// What is wrong with one field of the request.
  struct Field: Sendable, Hashable {
    /// Its JSON name.
    let name: String
    let detail: String
  }

  let status: HTTPResponse.Status
  /// A sentence for a person; empty where the status says it all.
  var detail = ""
  var fields: [Field] = []
  /// `Allow`, `Retry-After`, `WWW-Authenticate`.
  var headers = HTTPFields()
  /// For the operator's log.
  var logDetail: String?

  init(
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
  static func invalid(_ field: String, _ detail: String) -> Problem {
    Problem(
      .badRequest, "\(field): \(detail)", fields: [Field(name: field, detail: detail)])
  }

  static func unauthenticated(_ detail: String) -> Problem {
    Problem(.unauthorized, detail, headers: [.wwwAuthenticate: "Bearer realm=\"chatelaine\""])
  }

  static func tooLarge(limitBytes: Int) -> Problem {
    Problem(.contentTooLarge, "the body is larger than \(limitBytes) bytes")
  }

  /// The document, as JSON.
  func json(requestID: String) -> String {
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

  func response(requestID: String) -> Response {
    var headers = headers
    headers[.contentType] = "application/problem+json"
    headers[.cacheControl] = "no-store"
    return Response(
      status: status, headers: headers,
      body: .init(byteBuffer: .init(string: json(requestID: requestID))))
  }
}
