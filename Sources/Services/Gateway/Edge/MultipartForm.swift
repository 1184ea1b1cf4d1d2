import Encodings
import HTTPTypes

/// The fields of a form that may bring a file (`multipart/form-data`, RFC 7578), as browsers write
/// it: files are read as text, for no page takes anything else.
enum MultipartForm {
  static let contentType = "multipart/form-data"
  /// RFC 2046, 5.1.1.
  private static let boundaryBytes = 1...70
  /// Of one part; browsers write a file's name there.
  private static let headBytesMax = 2_048

  private static let lineEnd = Array("\r\n".utf8)
  private static let headEnd = Array("\r\n\r\n".utf8)

  /// The boundary that a content type names; nil for another type, or without one.
  static func boundary(of contentType: String) -> String? {
    let parts = contentType.split(atByte: ";").map { $0.trimmingBlanks() }
    guard let type = parts.first, type.lowercasedASCII().hasBytes(of: Self.contentType) else {
      return nil
    }
    for part in parts.dropFirst() {
      let pair = part.split(atByte: "=", maxSplits: 1, omittingEmpty: false)
      guard pair.count == 2, pair[0].lowercasedASCII().hasBytes(of: "boundary") else { continue }
      let text = unquoted(String(pair[1]))
      return boundaryBytes.contains(text.utf8.count) ? text : nil
    }
    return nil
  }

  /// Nil for what no browser would send. A file that isn't UTF-8 has replacement characters where
  /// it isn't.
  static func fields(_ body: [UInt8], boundary: String) -> [(name: String, value: String)]? {
    let delimiter = Array("--\(boundary)".utf8)
    let separator = lineEnd + delimiter
    guard body.starts(with: delimiter) else { return nil }
    var rest = body[delimiter.count...]
    var fields: [(name: String, value: String)] = []
    while !rest.starts(with: "--".utf8) {
      guard rest.starts(with: lineEnd), fields.count < FormData.fieldsMax else { return nil }
      rest = rest.dropFirst(lineEnd.count)
      guard let headEndIndex = place(of: headEnd, in: rest.prefix(headBytesMax)),
        let name = name(inHead: rest[..<headEndIndex])
      else { return nil }
      let content = rest[(headEndIndex + headEnd.count)...]
      guard let end = place(of: separator, in: content) else { return nil }
      fields.append((name, String(decoding: content[..<end], as: UTF8.self)))
      rest = content[(end + separator.count)...]
    }
    return fields
  }

  /// The `name` of a part's Content-Disposition.
  private static func name(inHead head: ArraySlice<UInt8>) -> String? {
    guard let text = String(validating: head, as: UTF8.self) else { return nil }
    for line in text.split(atByte: "\n") {
      let parts = line.trimmingBlanks().split(atByte: ":", maxSplits: 1, omittingEmpty: false)
      guard parts.count == 2, parts[0].lowercasedASCII().hasBytes(of: "content-disposition")
      else { continue }
      // A semicolon in a file's name cuts that name, which nobody reads.
      for parameter in parts[1].split(atByte: ";").map({ $0.trimmingBlanks() }) {
        let pair = parameter.split(atByte: "=", maxSplits: 1, omittingEmpty: false)
        if pair.count == 2, pair[0].lowercasedASCII().hasBytes(of: "name") {
          return unquoted(String(pair[1]))
        }
      }
    }
    return nil
  }

  private static func unquoted(_ text: String) -> String {
    let quote = UInt8(ascii: "\"")
    guard text.utf8.count >= 2, text.utf8.first == quote, text.utf8.last == quote else {
      return text
    }
    return String(Substring(text.utf8.dropFirst().dropLast()))
  }

  /// Where `needle` begins; each byte is looked at few times, for a boundary begins like no text.
  private static func place(of needle: [UInt8], in bytes: ArraySlice<UInt8>) -> Int? {
    guard let first = needle.first, bytes.count >= needle.count else { return nil }
    var index = bytes.startIndex
    let last = bytes.endIndex - needle.count
    while index <= last {
      if bytes[index] == first, bytes[index...].starts(with: needle) { return index }
      index += 1
    }
    return nil
  }
}
