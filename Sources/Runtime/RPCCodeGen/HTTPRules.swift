import CMessages

/// Reads the option `google.api.http`, which protobuf-c keeps as an unknown field of MethodOptions.
enum HTTPRules {
  /// The field number of the extension in `google/api/annotations.proto`.
  private static let extensionNumber: UInt32 = 72_295_728

  static func read(
    _ options: UnsafeMutablePointer<Google__Protobuf__MethodOptions>?, element: String
  ) throws(GeneratorError) -> [ProtoHTTPRule] {
    guard let base = options?.pointee.base else { return [] }
    let unknown = UnsafeBufferPointer(
      start: base.unknown_fields, count: Int(base.n_unknown_fields))
    var rules: [ProtoHTTPRule] = []
    for field in unknown where field.tag == extensionNumber {
      // protobuf-c keeps the length prefix in the data of an unknown length-delimited field.
      let bytes = UnsafeBufferPointer(start: field.data, count: field.len)
      let prefix = (bytes.firstIndex { $0 & 0x80 == 0 } ?? -1) + 1
      guard let start = field.data, prefix > 0,
        let rule = google__api__http_rule__unpack(nil, field.len - prefix, start + prefix)
      else { throw .unsupported(element: element, reason: "a malformed google.api.http option") }
      defer { google__api__http_rule__free_unpacked(rule, nil) }
      rules.append(try read(rule.pointee, element: element))
      for binding in DescriptorReader.elements(
        rule.pointee.additional_bindings, rule.pointee.n_additional_bindings)
      {
        rules.append(try read(binding, element: element))
      }
    }
    return rules
  }

  private static func read(
    _ rule: Google__Api__HttpRule, element: String
  ) throws(GeneratorError) -> ProtoHTTPRule {
    let body = text(rule.body)
    // The case is the number of the field that is set.
    switch rule.pattern_case.rawValue {
    case 2: return ProtoHTTPRule(verb: "GET", template: text(rule.get), body: body)
    case 3: return ProtoHTTPRule(verb: "PUT", template: text(rule.put), body: body)
    case 4: return ProtoHTTPRule(verb: "POST", template: text(rule.post), body: body)
    case 5: return ProtoHTTPRule(verb: "DELETE", template: text(rule.delete_), body: body)
    case 6: return ProtoHTTPRule(verb: "PATCH", template: text(rule.patch), body: body)
    default: throw .unsupported(element: element, reason: "an HTTP rule without a usual verb")
    }
  }

  private static func text(_ data: ProtobufCBinaryData) -> String {
    String(decoding: UnsafeBufferPointer(start: data.data, count: data.len), as: UTF8.self)
  }
}
