/// The names that protoc-gen-c gives to things.
enum CNames {
  /// `chatelaine.vault.v1.ProviderConfig` -> `Chatelaine__Vault__V1__ProviderConfig`.
  static func type(_ fullName: String) -> String {
    fullName.split(separator: ".").map { camel($0) }.joined(separator: "__")
  }

  /// The function that gives every field of the C struct its default.
  static func initializer(_ fullName: String) -> String {
    fullName.split(separator: ".").map { snake($0) }.joined(separator: "__") + "__init"
  }

  /// The member of the C struct; C and C++ keywords get an underscore.
  static func member(_ fieldName: String) -> String {
    let name = fieldName.lowercased()
    return keywords.contains(name) ? name + "_" : name
  }

  /// The member that says which field of a oneof is set.
  static func oneofCase(_ oneofName: String) -> String {
    snake(Substring(oneofName)) + "_case"
  }

  private static func camel(_ name: Substring) -> String {
    var result = ""
    var raisesNext = true
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

  private static func snake(_ name: Substring) -> String {
    var result = ""
    var previousIsUpper = true
    for character in name {
      if character.isUppercase, !previousIsUpper { result.append("_") }
      result.append(character.lowercased())
      previousIsUpper = character.isUppercase
    }
    return result
  }

  private static let keywords: Set<String> = [
    "and", "and_eq", "asm", "auto", "bitand", "bitor", "bool", "break", "case", "catch", "char",
    "class", "compl", "const", "const_cast", "continue", "default", "delete", "do", "double",
    "dynamic_cast", "else", "enum", "explicit", "extern", "false", "float", "for", "friend",
    "goto", "if", "inline", "int", "long", "mutable", "namespace", "new", "not", "not_eq",
    "operator", "or", "or_eq", "private", "protected", "public", "register", "reinterpret_cast",
    "return", "short", "signed", "sizeof", "static", "static_cast", "struct", "switch", "template",
    "this", "throw", "true", "try", "typedef", "typeid", "typename", "union", "unsigned", "using",
    "virtual", "void", "volatile", "wchar_t", "while", "xor", "xor_eq",
  ]
}
