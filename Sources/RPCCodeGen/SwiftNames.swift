/// Turns names of protobuf into names of Swift.
enum SwiftNames {
  /// `create_time` -> `createTime`: what protoc does for JSON names.
  static func lowerCamel(_ name: String) -> String {
    var result = ""
    var raisesNext = false
    for character in name {
      if character == "_" {
        raisesNext = true
      } else {
        result.append(raisesNext ? Character(character.uppercased()) : character)
        raisesNext = false
      }
    }
    return result
  }

  /// `CreateProviderConfig` -> `createProviderConfig`; `URLCheck` -> `urlCheck`.
  static func member(_ name: String) -> String {
    let capitals = name.prefix { $0.isUppercase }
    guard capitals.count > 1, capitals.count < name.count else {
      return capitals.lowercased() + name.dropFirst(capitals.count)
    }
    return capitals.dropLast().lowercased() + name.dropFirst(capitals.count - 1)
  }

  /// `OUTCOME_UNSPECIFIED` of the enum `Outcome` -> `unspecified`.
  static func enumCase(_ value: String, of enumName: String) -> String {
    let prefix = upperSnake(enumName) + "_"
    var name = value
    if name.hasPrefix(prefix), name.dropFirst(prefix.count).first?.isLetter == true {
      name = String(name.dropFirst(prefix.count))
    }
    return lowerCamel(name.lowercased())
  }

  /// A name that Swift reserves gets backticks, or an underscore where those don't help.
  static func escaped(_ name: String) -> String {
    if unusable.contains(name) { return name + "_" }
    return keywords.contains(name) ? "`\(name)`" : name
  }

  private static func upperSnake(_ name: String) -> String {
    var result = ""
    var previousIsLower = false
    for character in name {
      if character.isUppercase, previousIsLower { result.append("_") }
      result.append(character.uppercased())
      previousIsLower = !character.isUppercase
    }
    return result
  }

  private static let unusable: Set<String> = ["self", "Self", "init", "Type", "Protocol"]

  private static let keywords: Set<String> = [
    "Any", "as", "associatedtype", "await", "break", "case", "catch", "class", "continue",
    "default", "defer", "deinit", "do", "else", "enum", "extension", "fallthrough", "false",
    "fileprivate", "for", "func", "guard", "if", "import", "in", "inout", "internal", "is", "let",
    "nil", "operator", "precedencegroup", "private", "protocol", "public", "repeat", "rethrows",
    "return", "static", "struct", "subscript", "super", "switch", "throw", "throws", "true", "try",
    "typealias", "var", "where", "while",
  ]
}
