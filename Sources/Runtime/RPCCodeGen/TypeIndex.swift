/// Every message and enum of a request by full name, and where its Swift type lives.
struct TypeIndex {
  /// Types written by hand in module Protobuf.
  private static let wellKnown = [
    "google.protobuf.Timestamp": "Timestamp", "google.protobuf.Duration": "ProtoDuration",
    "google.protobuf.Empty": "Empty", "google.protobuf.FieldMask": "FieldMask",
    "google.protobuf.Any": "AnyMessage", "google.protobuf.Struct": "Struct",
    "google.protobuf.Value": "StructValue",
  ]

  private var swiftNames: [String: String] = [:]
  private var messages: [String: ProtoMessage] = [:]

  init(_ files: [ProtoFile]) {
    for file in files {
      let namespace = Names.namespace(file.package)
      for message in file.messages { add(message, inside: namespace) }
      for value in file.enums { swiftNames[value.fullName] = "\(namespace).\(value.name)" }
    }
    swiftNames.merge(Self.wellKnown) { _, known in known }
  }

  /// The index as code beside messages and enums of these names sees it: where one of them hides a
  /// type of module Protobuf, the module is named.
  func shadowed(by names: Set<String>) -> TypeIndex {
    var index = self
    for (fullName, name) in Self.wellKnown where names.contains(name) {
      index.swiftNames[fullName] = "Protobuf.\(name)"
    }
    return index
  }

  private mutating func add(_ message: ProtoMessage, inside scope: String) {
    let name = "\(scope).\(message.name)"
    swiftNames[message.fullName] = name
    messages[message.fullName] = message
    for nested in message.messages { add(nested, inside: name) }
    for value in message.enums { swiftNames[value.fullName] = "\(name).\(value.name)" }
  }

  func swiftName(_ fullName: String) throws(GeneratorError) -> String {
    guard let name = swiftNames[fullName] else { throw .unknownType(fullName) }
    return name
  }

  /// Whether the message has a field of this proto name.
  func hasField(_ name: String, in message: String) -> Bool {
    messages[message]?.fields.contains { $0.name == name } ?? false
  }

  /// The synthetic message behind a map field; nil when the field is no map.
  func mapEntry(of field: ProtoField) -> ProtoMessage? {
    guard field.isRepeated, case .message(let name) = field.type, let entry = messages[name],
      entry.isMapEntry
    else { return nil }
    return entry
  }

  /// The Swift type of one element of a field.
  func elementType(_ type: ProtoType) throws(GeneratorError) -> String {
    switch type {
    case .double: "Double"
    case .float: "Float"
    case .int64: "Int64"
    case .uint64: "UInt64"
    case .int32: "Int32"
    case .uint32: "UInt32"
    case .bool: "Bool"
    case .string: "String"
    case .bytes: "[UInt8]"
    case .message(let name), .enum(let name): try swiftName(name)
    }
  }

  /// True when unpacking the message can recurse without bound: something in it contains itself.
  func reachesACycle(_ fullName: String) -> Bool {
    func reaches(_ name: String, _ path: [String]) -> Bool {
      if path.contains(name) { return true }
      guard let message = messages[name] else { return false }
      return message.fields.contains { field in
        guard case .message(let next) = field.type else { return false }
        return reaches(next, path + [name])
      }
    }
    return reaches(fullName, [])
  }

  /// True when a value of `fullName` holds one of itself without an array or map in between.
  func containsItself(_ fullName: String) -> Bool {
    func reaches(_ name: String, _ visited: inout Set<String>) -> Bool {
      guard visited.insert(name).inserted, let message = messages[name] else { return false }
      for field in message.fields where !field.isRepeated {
        guard case .message(let next) = field.type else { continue }
        if next == fullName || reaches(next, &visited) { return true }
      }
      return false
    }
    var visited: Set<String> = []
    return reaches(fullName, &visited)
  }
}
