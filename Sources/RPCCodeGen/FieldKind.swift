/// The type of a field's values.
enum FieldKind: Hashable {
  /// A number whose Swift type is also its C type.
  case number(String)
  case bool
  case string
  case bytes
  /// Full name without a leading dot.
  case message(String)
  case enumeration(String)

  /// From `FieldDescriptorProto.Type`; nil for groups, which proto3 doesn't have.
  init?(type: UInt32, typeName: String) {
    switch type {
    case 1: self = .number("Double")
    case 2: self = .number("Float")
    case 3, 16, 18: self = .number("Int64")
    case 4, 6: self = .number("UInt64")
    case 5, 15, 17: self = .number("Int32")
    case 7, 13: self = .number("UInt32")
    case 8: self = .bool
    case 9: self = .string
    case 11: self = .message(typeName)
    case 12: self = .bytes
    case 14: self = .enumeration(typeName)
    default: return nil
    }
  }

  /// The full name of the message, if it is one.
  var messageName: String? {
    if case .message(let name) = self { name } else { nil }
  }
}
