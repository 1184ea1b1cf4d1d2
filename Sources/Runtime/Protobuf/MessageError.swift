/// Why bytes, JSON or text are not the message they should be. The peer's fault, always.
package enum MessageError: Error, Hashable {
  /// Not the protobuf wire format: truncated, a wrong wire type, a length past the end.
  case malformed(message: String)
  /// Nested deeper than `MessageLimits.nestingDepthMax`.
  case nestedTooDeep
  /// A string field that is not UTF-8.
  case invalidUTF8(field: String)
  /// Not JSON, or JSON that proto3 JSON refuses; `byteOffset` points into the text.
  case malformedJSON(reason: String, byteOffset: Int)
  /// A field that this message does not have.
  case unknownField(String)
  /// A field that holds something it can't; `reason` never repeats the value.
  case invalidField(String, reason: String)

  /// The dotted name of the field at fault, where there is one.
  package var field: String? {
    switch self {
    case .invalidUTF8(let field), .unknownField(let field), .invalidField(let field, _): field
    case .malformed, .nestedTooDeep, .malformedJSON: nil
    }
  }

  /// What is wrong, without the field's name; never repeats its value.
  package var reason: String {
    switch self {
    case .invalidUTF8: "is not valid UTF-8"
    case .unknownField: "is not a field of this message"
    case .invalidField(_, let reason): reason
    case .malformed, .nestedTooDeep, .malformedJSON: description
    }
  }
}

extension MessageError: CustomStringConvertible {
  /// A sentence for the caller that names the field and never repeats its value.
  package var description: String {
    switch self {
    case .malformed(let message): "malformed protobuf message \(message)"
    case .nestedTooDeep:
      "messages are nested deeper than \(MessageLimits.nestingDepthMax) levels"
    case .invalidUTF8(let field): "field \(field) is not valid UTF-8"
    case .malformedJSON(let reason, let offset): "malformed JSON at byte \(offset): \(reason)"
    case .unknownField(let field): "unknown field \(field)"
    case .invalidField(let field, let reason): "field \(field): \(reason)"
    }
  }
}

/// Bounds on what a peer can make the decoder do.
package enum MessageLimits {
  /// Levels of nested messages, JSON objects and arrays; the limit of other protobuf runtimes.
  package static let nestingDepthMax = 100

  /// Memory that unpacking `byteCount` bytes may take: two bytes on the wire can name an empty
  /// sub-message of some hundred bytes in memory.
  package static func memoryBytesMax(forBytes byteCount: Int) -> Int {
    64 * 1024 + 32 * byteCount
  }
}
