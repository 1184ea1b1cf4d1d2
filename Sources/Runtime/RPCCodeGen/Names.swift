/// How names of `.proto` files become names of Swift and of protobuf-c.
enum Names {
  private static let keywords: Set<String> = [
    "as", "break", "case", "catch", "class", "continue", "default", "defer", "do", "else", "enum",
    "extension", "false", "for", "func", "guard", "if", "import", "in", "init", "is", "let", "nil",
    "operator", "private", "protocol", "public", "repeat", "return", "self", "static", "struct",
    "super", "switch", "throw", "throws", "true", "try", "typealias", "var", "where", "while",
  ]

  /// Types that generated code names without their module: a message or an enum of such a name
  /// would take their place.
  static let reserved: Set<String> = [
    "Arena", "Bool", "CField", "CallOptions", "Double", "ProtoFileDescriptor", "Float",
    "GeneratedEnum",
    "GeneratedMessage", "HTTPRule", "Hashable", "Int32", "Int64", "JSONArrayElement", "JSONValue",
    "JSONWriter", "MessageError", "MethodDescriptor", "MethodHandler", "Protobuf",
    "ProtobufRuntime", "RPCChannel", "RPCError", "RPCService", "RequestStream", "RequestWriter",
    "ResponseStream", "ResponseWriter", "Sendable", "ServerContext", "String", "TranscodedMethod",
    "UInt32", "UInt64", "UInt8", "UnsafeMutablePointer", "UnsafeMutableRawPointer",
    "UnsafeRawPointer",
  ]

  /// C keywords to which protoc-gen-c adds an underscore.
  private static let cKeywords: Set<String> = [
    "and", "and_eq", "asm", "auto", "bitand", "bitor", "bool", "break", "case", "catch", "char",
    "class", "compl", "const", "const_cast", "continue", "default", "delete", "do", "double",
    "dynamic_cast", "else", "enum", "explicit", "extern", "false", "float", "for", "friend",
    "goto", "if", "inline", "int", "long", "mutable", "namespace", "new", "not", "not_eq",
    "operator", "or", "or_eq", "private", "protected", "public", "register", "reinterpret_cast",
    "return", "short", "signed", "sizeof", "static", "static_cast", "struct", "switch", "template",
    "this", "throw", "true", "try", "typedef", "typeid", "typename", "union", "unsigned", "using",
    "virtual", "void", "volatile", "wchar_t", "while", "xor", "xor_eq",
  ]

  /// `create_time` to `createTime`.
  static func lowerCamel(_ snake: String) -> String {
    let words = snake.split(separator: "_")
    guard let first = words.first else { return snake }
    return first.lowercased()
      + words.dropFirst().map { capitalised(String($0.lowercased())) }
      .joined()
  }

  static func upperCamel(_ snake: String) -> String { capitalised(lowerCamel(snake)) }

  static func capitalised(_ word: String) -> String {
    word.prefix(1).uppercased() + word.dropFirst()
  }

  /// `CreateAccount` to `createAccount`.
  static func decapitalised(_ word: String) -> String {
    word.prefix(1).lowercased() + word.dropFirst()
  }

  /// A declaration's name, in backticks where Swift needs them.
  static func identifier(_ name: String) -> String {
    keywords.contains(name) ? "`\(name)`" : name
  }

  /// `chatelaine.vault.v1` to `VaultAPI`: the last component that is not a version. A version that
  /// is not stable stays: `grpc.reflection.v1alpha` is `ReflectionV1alphaAPI`.
  static func namespace(_ package: String) -> String {
    let parts = package.split(separator: ".").map(String.init)
    let name = parts.last { $0.wholeMatch(of: /v\d+((alpha|beta)\d*)?/) == nil } ?? "Messages"
    let unstable = parts.last { $0.wholeMatch(of: /v\d+(alpha|beta)\d*/) != nil } ?? ""
    return capitalised(name) + capitalised(unstable) + "API"
  }

  /// `google/protobuf/field_mask.proto` to `googleProtobufFieldMask`.
  static func fileConstant(_ file: String) -> String {
    let path = file.hasSuffix(".proto") ? String(file.dropLast(6)) : file
    let words = path.split { !$0.isLetter && !$0.isNumber }.map { capitalised(String($0)) }
    return identifier(decapitalised(words.joined()))
  }

  /// The protocol of a service's server side: `Vault` to `VaultServiceProtocol`, which leaves
  /// `VaultService` to the type with the use cases.
  static func serviceProtocol(_ service: String) -> String {
    (service.hasSuffix("Service") ? service : service + "Service") + "Protocol"
  }

  /// The C struct: `chatelaine.vault.v1.ProviderConfig` to `Chatelaine__Vault__V1__ProviderConfig`.
  static func cStruct(_ fullName: String) -> String {
    fullName.split(separator: ".").map { part in
      part.split(separator: "_").map { capitalised(String($0)) }.joined()
    }.joined(separator: "__")
  }

  /// The prefix of C functions: `chatelaine__vault__v1__provider_config`.
  static func cPrefix(_ fullName: String) -> String {
    fullName.split(separator: ".").map { part in
      var result = ""
      var wasUpper = true
      for character in part {
        if character.isUppercase {
          if !wasUpper { result += "_" }
          result += character.lowercased()
        } else {
          result.append(character)
        }
        wasUpper = character.isUppercase
      }
      return result
    }.joined(separator: "__")
  }

  /// The member of the C struct for a field.
  static func cField(_ name: String) -> String {
    let lower = name.lowercased()
    return cKeywords.contains(lower) ? lower + "_" : identifier(lower)
  }

  /// `OUTCOME_UNSPECIFIED` of enum `Outcome` to `unspecified`.
  static func enumCase(_ value: String, of enumName: String) -> String {
    var prefix = ""
    for (index, character) in enumName.enumerated() {
      if character.isUppercase, index > 0 { prefix += "_" }
      prefix += character.uppercased()
    }
    prefix += "_"
    let stripped = value.hasPrefix(prefix) ? String(value.dropFirst(prefix.count)) : value
    let name = lowerCamel(stripped)
    return name.first?.isNumber == true ? "_" + name : name
  }
}
