/// All files of a request, with every message and enum by its full name.
struct ProtoSchema {
  private(set) var messages: [String: ProtoMessage] = [:]
  private(set) var enums: [String: ProtoEnum] = [:]
  /// Full protobuf name to the name that generated code uses.
  private var swiftNames: [String: String] = [:]

  /// The well-known types are written by hand in module `Protobuf`.
  private static let wellKnown: [String: String] = [
    "google.protobuf.Any": "Protobuf.AnyMessage",
    "google.protobuf.Duration": "Protobuf.ProtoDuration",
    "google.protobuf.Empty": "Protobuf.Empty",
    "google.protobuf.FieldMask": "Protobuf.FieldMask",
    "google.protobuf.ListValue": "Protobuf.ListValue",
    "google.protobuf.Struct": "Protobuf.Struct",
    "google.protobuf.Timestamp": "Protobuf.Timestamp",
    "google.protobuf.Value": "Protobuf.StructValue",
  ]

  init(_ files: [ProtoFile]) {
    for file in files where file.package != "google.protobuf" {
      guard let namespace = NamespaceNames.namespace(of: file.package) else { continue }
      for message in file.messages { add(message, in: namespace) }
      for enumeration in file.enums { add(enumeration, in: namespace) }
    }
    swiftNames.merge(Self.wellKnown) { _, wellKnown in wellKnown }
  }

  /// E.g. `AuditAPI.AuditEvent.Actor`; nil for what is neither generated nor well-known.
  func swiftName(of fullName: String) -> String? { swiftNames[fullName] }

  private mutating func add(_ message: ProtoMessage, in scope: String) {
    let name = "\(scope).\(SwiftNames.escaped(message.name))"
    messages[message.fullName] = message
    swiftNames[message.fullName] = name
    for nested in message.messages { add(nested, in: name) }
    for nested in message.enums { add(nested, in: name) }
  }

  private mutating func add(_ enumeration: ProtoEnum, in scope: String) {
    enums[enumeration.fullName] = enumeration
    swiftNames[enumeration.fullName] = "\(scope).\(SwiftNames.escaped(enumeration.name))"
  }

  /// Whether a value of `message` would contain another one without a list or map in between,
  /// which a Swift struct can't.
  func isRecursive(_ field: ProtoField, of message: ProtoMessage) -> Bool {
    guard !field.isRepeated, let start = field.kind.messageName else { return false }
    var pending = [start]
    var seen: Set<String> = []
    while let name = pending.popLast() {
      if name == message.fullName { return true }
      guard seen.insert(name).inserted, let next = messages[name] else { continue }
      pending += next.fields.filter { !$0.isRepeated }.compactMap(\.kind.messageName)
    }
    return false
  }
}
