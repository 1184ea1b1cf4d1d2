/// Messages and enums as JSON schemas (proto3 JSON).
struct OpenAPISchemas {
  private var messages: [String: ProtoMessage] = [:]
  private var enums: [String: ProtoEnum] = [:]

  init(_ files: [ProtoFile]) {
    for file in files {
      for message in file.messages { add(message) }
      for value in file.enums { enums[value.fullName] = value }
    }
  }

  private mutating func add(_ message: ProtoMessage) {
    messages[message.fullName] = message
    for value in message.enums { enums[value.fullName] = value }
    for nested in message.messages { add(nested) }
  }

  // MARK: Paths and parameters

  /// The variables of a template, by their names in the `.proto` file.
  func variables(of template: String) -> [String] {
    template.matches(of: /\{([^}]*)\}/).map { String($0.1) }
  }

  /// Variables of the path, and every other field that a query may have.
  func parameters(
    of name: String, inPath variables: [String], hasQuery: Bool, _ used: inout Set<String>
  ) throws(GeneratorError) -> [JSONDocument] {
    var parameters: [JSONDocument] = []
    for field in try message(name).fields {
      let isInPath = variables.contains(field.name)
      guard isInPath || hasQuery else { continue }
      var members: [(String, JSONDocument)] = [
        ("name", .text(isInPath ? field.name : field.jsonName)),
        ("in", isInPath ? "path" : "query"),
      ]
      if isInPath { members.append(("required", .flag(true))) }
      if !field.comment.isEmpty { members.append(("description", .text(field.comment.line))) }
      members.append(("schema", try schema(of: field, &used, isRequest: true)))
      parameters.append(.object(members))
    }
    return parameters
  }

  /// The body of a request: all fields that are not in the path.
  func body(
    of name: String, without variables: [String], _ used: inout Set<String>
  ) throws(GeneratorError) -> JSONDocument {
    let message = try message(name)
    let fields = message.fields.filter { !variables.contains($0.name) }
    var schema = try object(message, fields, &used, isRequest: true)
    schema.append(("additionalProperties", .flag(false)))
    return .object([
      ("required", .flag(!fields.isEmpty)),
      ("content", .object([("application/json", .object([("schema", .object(schema))]))])),
    ])
  }

  // MARK: Schemas

  func reference(to name: String, _ used: inout Set<String>) throws(GeneratorError) -> JSONDocument
  {
    if let known = Self.wellKnown[name] { return known }
    _ = try message(name)
    used.insert(name)
    return .object([("$ref", .text("#/components/schemas/\(shortName(name))"))])
  }

  /// The schemas of everything in `used`, and of what those refer to.
  func components(_ used: Set<String>) throws(GeneratorError) -> [(String, JSONDocument)] {
    var (found, pending): ([String: JSONDocument], Set<String>) = ([:], used)
    var seen: Set<String> = []
    while let name = pending.popFirst() {
      guard seen.insert(name).inserted else { continue }
      guard found[shortName(name)] == nil else {
        throw .unsupported(element: name, reason: "another type of the document has this name")
      }
      if let value = enums[name] {
        found[shortName(name)] = enumeration(value)
        continue
      }
      let message = try message(name)
      var more: Set<String> = []
      found[shortName(name)] = .object(
        try object(message, message.fields, &more, isRequest: false))
      pending.formUnion(more)
    }
    return found.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }

  private func object(
    _ message: ProtoMessage, _ fields: [ProtoField], _ used: inout Set<String>, isRequest: Bool
  ) throws(GeneratorError) -> [(String, JSONDocument)] {
    var members: [(String, JSONDocument)] = [("type", "object")]
    if !message.comment.isEmpty { members.append(("description", .text(message.comment.line))) }
    var properties: [(String, JSONDocument)] = []
    for field in fields {
      var property = try schema(of: field, &used, isRequest: isRequest)
      if !field.comment.isEmpty, case .object(let members) = property {
        property = .object(members + [("description", .text(field.comment.line))])
      }
      properties.append((field.jsonName, property))
    }
    members.append(("properties", .object(properties)))
    return members
  }

  private func schema(
    of field: ProtoField, _ used: inout Set<String>, isRequest: Bool
  ) throws(GeneratorError) -> JSONDocument {
    let element = try schema(of: field.type, &used, isRequest: isRequest)
    return field.isRepeated ? .object([("type", "array"), ("items", element)]) : element
  }

  private func schema(
    of type: ProtoType, _ used: inout Set<String>, isRequest: Bool
  ) throws(GeneratorError) -> JSONDocument {
    switch type {
    case .double, .float: .object([("type", "number")])
    case .int32: .object([("type", "integer"), ("format", "int32")])
    case .uint32:
      .object([("type", "integer"), ("minimum", .number(0)), ("maximum", .number(4_294_967_295))])
    // 64 bits are text in JSON, whose numbers have 53.
    case .int64: .object([("type", "string"), ("pattern", "^-?[0-9]{1,19}$")])
    case .uint64: .object([("type", "string"), ("pattern", "^[0-9]{1,20}$")])
    case .bool: .object([("type", "boolean")])
    case .string: .object([("type", "string")])
    case .bytes: .object([("type", "string"), ("contentEncoding", "base64")])
    case .message(let name): try reference(to: name, &used)
    case .enum(let name): try enumReference(name, &used)
    }
  }

  private func enumReference(
    _ name: String, _ used: inout Set<String>
  ) throws(GeneratorError) -> JSONDocument {
    guard enums[name] != nil else { throw .unknownType(name) }
    used.insert(name)
    return .object([("$ref", .text("#/components/schemas/\(shortName(name))"))])
  }

  private func enumeration(_ value: ProtoEnum) -> JSONDocument {
    let described = value.values.filter { !$0.comment.isEmpty }
      .map { "`\($0.name)`: \($0.comment.line)" }
    var members: [(String, JSONDocument)] = [("type", "string")]
    let text = ([value.comment.line] + described).filter { !$0.isEmpty }.joined(separator: " ")
    if !text.isEmpty { members.append(("description", .text(text))) }
    members.append(("enum", .list(value.values.map { .text($0.name) })))
    return .object(members)
  }

  private func message(_ name: String) throws(GeneratorError) -> ProtoMessage {
    guard let message = messages[name] else { throw .unknownType(name) }
    return message
  }

  /// Without the package: `AuditEvent.Actor`.
  private func shortName(_ name: String) -> String {
    let parts = name.split(separator: ".")
    return parts.drop { $0.first?.isLowercase ?? false || $0.first?.isNumber ?? false }
      .joined(separator: ".")
  }

  private static let wellKnown: [String: JSONDocument] = [
    "google.protobuf.Timestamp": .object([("type", "string"), ("format", "date-time")]),
    "google.protobuf.Duration": .object([
      ("type", "string"), ("pattern", "^-?[0-9]+(\\.[0-9]{1,9})?s$"),
    ]),
    "google.protobuf.Struct": .object([("type", "object")]),
    "google.protobuf.Empty": .object([("type", "object")]),
  ]
}
