import Encodings
import HTTPTypes

/// The fields of a posted form (`application/x-www-form-urlencoded`, or `multipart/form-data` of a
/// form that may bring a file).
package struct FormData: Sendable {
  package static let contentType = "application/x-www-form-urlencoded"
  package static let bytesMax = 64 << 10
  package static let fieldsMax = 256

  private let values: [String: String]

  /// Refuses what a browser would not send: bad escapes, a field twice, too many fields.
  package init(_ body: [UInt8]) throws(Problem) {
    let malformed = Problem(.badRequest, "the form is malformed")
    guard let text = String(validating: body, as: UTF8.self) else { throw malformed }
    var values: [String: String] = [:]
    for pair in text.split(atByte: "&") {
      let parts = pair.split(atByte: "=", maxSplits: 1, omittingEmpty: false)
      guard values.count < Self.fieldsMax, let name = Self.decode(parts[0]),
        let value = Self.decode(parts.count == 2 ? parts[1] : ""),
        values.updateValue(value, forKey: name) == nil
      else { throw malformed }
    }
    self.values = values
  }

  private init(_ body: [UInt8], boundary: String) throws(Problem) {
    let malformed = Problem(.badRequest, "the form is malformed")
    guard let fields = MultipartForm.fields(body, boundary: boundary) else { throw malformed }
    var values: [String: String] = [:]
    for (name, value) in fields {
      guard !value.utf8.contains(0), values.updateValue(value, forKey: name) == nil else {
        throw malformed
      }
    }
    self.values = values
  }

  /// Line breaks and tabs are text in a form.
  private static func decode(_ text: Substring) -> String? {
    PercentCoding.decode(text, plusIsSpace: true, controls: .allowedButNUL)
  }

  package static func read(_ exchange: Exchange) async throws(Problem) -> FormData {
    if let boundary = MultipartForm.boundary(of: exchange.headers[.contentType, default: ""]) {
      return try FormData(try await exchange.body(bytesMax: bytesMax), boundary: boundary)
    }
    try exchange.requireContentType(contentType)
    return try FormData(try await exchange.body(bytesMax: bytesMax))
  }

  /// As sent: for passwords and keys. Empty when the form has no such field.
  package subscript(name: String) -> String { values[name] ?? "" }

  /// The names of all fields, in no order.
  package var names: [String] { Array(values.keys) }

  /// Without the blanks around it, which come from pasting.
  package func trimmed(_ name: String) -> String { self[name].trimmingBlanks() }
}
