import Foundation

/// A portal's refusal (RFC 9457).
struct PortalProblem: Error, CustomStringConvertible {
  let status: Int
  let detail: String
  /// Input that is at fault, by its name in the API.
  let fields: [(name: String, detail: String)]

  /// Whoever answers chooses the words: they are made fit for a terminal.
  init(_ answer: PortalConnection.Answer) {
    func text(_ value: Any?) -> String? { (value as? String).map(Terminal.printable) }
    status = answer.status
    let object = answer.object
    detail = text(object["detail"]) ?? text(object["title"]) ?? ""
    fields = (object["errors"] as? [[String: Any]] ?? []).map {
      (text($0["field"]) ?? "", text($0["detail"]) ?? "")
    }
  }

  var description: String {
    // The detail often is what stands of the first field.
    let words =
      [detail] + fields.map { "\($0.name) \($0.detail)" }.filter { !detail.contains($0) }
    let text = words.filter { !$0.isEmpty }.joined(separator: "; ")
    switch status {
    case 401:
      return "the portal doesn't take the access token (any more); log in again: chatelaine login"
    case 404 where text.isEmpty, 200..<400:
      return "what answers is no portal of this version (status \(status))"
    default: return text.isEmpty ? "the portal answers with status \(status)" : text
    }
  }
}

extension PortalConnection {
  /// Sends a request and returns the JSON object of its answer; an empty one for 204.
  ///
  /// - Throws: `PortalProblem` for a refusal, `CommandError` when there is no answer.
  func call(
    _ method: String, _ path: String, _ body: [String: Any]? = nil, headers: [String] = []
  ) throws -> [String: Any] {
    let json = try body.map { Array(try JSONSerialization.data(withJSONObject: $0)) }
    let answer = try send(method, path, json: json, headers: headers)
    guard (200..<300).contains(answer.status) else { throw PortalProblem(answer) }
    return answer.object
  }
}
