internal import CMessages
internal import CProtobufC
internal import Protobuf

/// Reads `google.api.http`, which protobuf-c keeps as an unknown field of the method's options.
enum HTTPRules {
  /// The number of the extension `google.api.http`.
  private static let extensionNumber: UInt32 = 72_295_728
  private static let layout = CMessageLayout(google__api__http_rule__init)

  static func read(
    _ options: UnsafeMutablePointer<Google__Protobuf__MethodOptions>?
  ) throws(MessageError) -> [ProtoHTTPRule] {
    guard let options else { return [] }
    var rules: [ProtoHTTPRule] = []
    let unknown = Unpack.list(
      Int(options.pointee.base.n_unknown_fields), options.pointee.base.unknown_fields)
    for field in unknown where field.tag == extensionNumber {
      rules += try unpack(UnsafeRawBufferPointer(start: field.data, count: field.len))
    }
    return rules
  }

  /// `field` is the length and then the bytes of an HttpRule.
  private static func unpack(
    _ field: UnsafeRawBufferPointer
  ) throws(MessageError) -> [ProtoHTTPRule] {
    guard let lengthBytes = field.firstIndex(where: { $0 < 0x80 }).map({ $0 + 1 }) else {
      throw .malformed(message: "google.api.HttpRule")
    }
    let arena = Arena()
    defer { arena.release() }
    let message = try layout.unpack(
      UnsafeRawBufferPointer(rebasing: field[lengthBytes...]), in: arena)
    return try rules(message.assumingMemoryBound(to: Google__Api__HttpRule.self).pointee)
  }

  private static func rules(
    _ rule: Google__Api__HttpRule
  ) throws(MessageError) -> [ProtoHTTPRule] {
    let (verb, template) = try pattern(rule)
    guard rule.response_body.len == 0 else {
      throw .invalidField("responseBody", reason: "is not supported")
    }
    var rules = [
      ProtoHTTPRule(verb: verb, template: template, body: try Unpack.string(rule.body, "body"))
    ]
    for case let binding? in Unpack.list(rule.n_additional_bindings, rule.additional_bindings) {
      rules += try self.rules(binding.pointee)
    }
    return rules
  }

  private static func pattern(
    _ rule: Google__Api__HttpRule
  ) throws(MessageError) -> (verb: String, template: String) {
    switch rule.pattern_case.rawValue {
    case 2: return ("GET", try Unpack.string(rule.get, "get"))
    case 3: return ("PUT", try Unpack.string(rule.put, "put"))
    case 4: return ("POST", try Unpack.string(rule.post, "post"))
    case 5: return ("DELETE", try Unpack.string(rule.delete_, "delete"))
    case 6: return ("PATCH", try Unpack.string(rule.patch, "patch"))
    default: throw .invalidField("pattern", reason: "must be get, put, post, delete or patch")
    }
  }
}
