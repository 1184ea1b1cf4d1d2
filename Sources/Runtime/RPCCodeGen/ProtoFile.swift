/// The parts of a `.proto` file that generated Swift depends on.
struct ProtoFile {
  var name: String
  var package: String
  /// The files that it imports, by name.
  var dependencies: [String]
  /// Its packed FileDescriptorProto without comments.
  var packed: [UInt8]
  var messages: [ProtoMessage]
  var enums: [ProtoEnum]
  var services: [ProtoService]
}

extension ProtoFile {
  /// Of every message and enum, also the nested ones, without the scopes around them.
  var typeNames: Set<String> {
    var names = Set(enums.map(\.name))
    var pending = messages
    while let message = pending.popLast() {
      names.insert(message.name)
      names.formUnion(message.enums.map(\.name))
      pending += message.messages
    }
    return names
  }
}

struct ProtoMessage {
  var name: String
  /// Dotted, with the package, without a leading dot.
  var fullName: String
  var comment: String
  var fields: [ProtoField]
  /// Names of the oneofs that were written, not those of proto3 `optional`.
  var oneofs: [String]
  var messages: [ProtoMessage]
  var enums: [ProtoEnum]
  var isMapEntry: Bool
}

struct ProtoField {
  var name: String
  var jsonName: String
  var comment: String
  var number: Int32
  var type: ProtoType
  var isRepeated: Bool
  /// proto3 `optional`.
  var isOptional: Bool
  /// The oneof that was written around it.
  var oneof: String?
}

enum ProtoType: Equatable {
  case double
  case float
  case int64
  case uint64
  case int32
  case uint32
  case bool
  case string
  case bytes
  case message(String)
  case `enum`(String)
}

struct ProtoEnum {
  var name: String
  var fullName: String
  var comment: String
  var values: [(name: String, number: Int32, comment: String)]
}

struct ProtoService {
  var name: String
  var fullName: String
  var comment: String
  var methods: [ProtoMethod]
}

struct ProtoMethod {
  var name: String
  var comment: String
  var input: String
  var output: String
  var shape: ProtoShape
  var rules: [ProtoHTTPRule]
}

/// The four call shapes, by the names that the runtime has for them.
enum ProtoShape: String {
  case unary
  case clientStreaming
  case serverStreaming
  case bidirectionalStreaming
}

/// A binding of `google.api.http`.
struct ProtoHTTPRule {
  var verb: String
  var template: String
  var body: String
}
