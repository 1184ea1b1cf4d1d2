package import HTTPTypes

/// Whether and how an answer may be compressed (RFC 9110, 12.5.3).
package enum ContentCoding {
  private static let gzip = "gzip"

  /// Whether the client takes gzip; a weight of nothing is a no.
  package static func acceptsGzip(_ headers: HTTPFields) -> Bool {
    headers[values: .acceptEncoding].contains { field in
      field.split(atByte: ",").contains { choice in
        let parts = choice.split(atByte: ";").map { $0.trimmingBlanks().lowercasedASCII() }
        guard let name = parts.first, name.hasBytes(of: gzip) || name.hasBytes(of: "*") else {
          return false
        }
        return !parts.dropFirst().contains { weight in
          weight.beginsWithBytes(of: "q=0")
            && weight.utf8.dropFirst(3).allSatisfy { ".0".utf8.contains($0) }
        }
      }
    }
  }

  /// Marks an answer whose body is gzip, or would be for another client.
  package static func mark(_ headers: inout HTTPFields, isGzip: Bool) {
    headers[.vary] = "Accept-Encoding"
    if isGzip { headers[.contentEncoding] = gzip }
  }
}
