/// Prints the Swift value type of a message and its conversions.
struct MessageGenerator {
  let types: TypeIndex

  func printMessage(
    _ message: ProtoMessage, to out: inout LinePrinter
  ) throws(GeneratorError) {
    let isBoxed = types.containsItself(message.fullName)
    out.documentation(message.comment, fallback: "`\(message.fullName)`.")
    try out.block("package struct \(message.name): GeneratedMessage, JSONArrayElement") {
      (out) throws(GeneratorError) in
      for value in message.enums { try EnumGenerator.printEnum(value, to: &out) }
      for nested in message.messages where !nested.isMapEntry {
        try printMessage(nested, to: &out)
        out.line()
      }
      for oneof in message.oneofs { try printOneof(oneof, of: message, to: &out) }
      if isBoxed {
        throw .unsupported(
          element: message.fullName, reason: "a message that directly holds one of itself")
      }
      try printProperties(message, to: &out)
      try printInitialisers(message, to: &out)
      try printConformance(message, to: &out)
      try printReading(message, to: &out)
      try printFilling(message, to: &out)
      try printJSON(message, to: &out)
    }
  }

  // MARK: Declarations

  /// A stored property: a field, or a oneof at the place of its first field.
  private enum Property {
    case field(ProtoField)
    case oneof(String)
  }

  private func properties(_ message: ProtoMessage) -> [Property] {
    var seen: Set<String> = []
    return message.fields.compactMap { field in
      guard let oneof = field.oneof else { return .field(field) }
      return seen.insert(oneof).inserted ? .oneof(oneof) : nil
    }
  }

  private func swiftType(_ field: ProtoField) throws(GeneratorError) -> String {
    if let entry = types.mapEntry(of: field) {
      guard entry.fields[0].type != .bool else {
        throw .unsupported(element: entry.fullName, reason: "maps by bool are not supported")
      }
      return "[\(try types.elementType(entry.fields[0].type)): "
        + "\(try types.elementType(entry.fields[1].type))]"
    }
    let element = try types.elementType(field.type)
    if field.isRepeated { return "[\(element)]" }
    if case .message = field.type { return element + "?" }
    return field.isOptional ? element + "?" : element
  }

  private func defaultValue(_ field: ProtoField) throws(GeneratorError) -> String {
    if types.mapEntry(of: field) != nil { return "[:]" }
    if field.isRepeated { return "[]" }
    if field.isOptional { return "nil" }
    switch field.type {
    case .double, .float, .int64, .uint64, .int32, .uint32: return "0"
    case .bool: return "false"
    case .string: return "\"\""
    case .bytes: return "[]"
    case .message: return "nil"
    case .enum(let name): return "\(try types.swiftName(name))(rawValue: 0)"
    }
  }

  private func name(_ field: ProtoField) -> String {
    Names.identifier(Names.lowerCamel(field.name))
  }

  private func printOneof(
    _ oneof: String, of message: ProtoMessage, to out: inout LinePrinter
  ) throws(GeneratorError) {
    out.line("/// Which field of the oneof `\(oneof)` is set.")
    try out.block("package enum \(Names.upperCamel(oneof)): Sendable, Hashable") {
      (out) throws(GeneratorError) in
      for field in message.fields where field.oneof == oneof {
        out.documentation(field.comment, fallback: "Field \(field.number).")
        out.line("case \(name(field))(\(try types.elementType(field.type)))")
      }
    }
    out.line()
  }

  private func printProperties(
    _ message: ProtoMessage, to out: inout LinePrinter
  ) throws(GeneratorError) {
    for property in properties(message) {
      switch property {
      case .field(let field):
        out.documentation(field.comment, fallback: "Field \(field.number).")
        out.line("package var \(name(field)): \(try swiftType(field))")
      case .oneof(let oneof):
        out.line("/// The oneof `\(oneof)`; nil when no field of it is set.")
        out.line(
          "package var \(Names.identifier(Names.lowerCamel(oneof))): \(Names.upperCamel(oneof))?")
      }
    }
    out.line()
  }

  private func printInitialisers(
    _ message: ProtoMessage, to out: inout LinePrinter
  ) throws(GeneratorError) {
    var parameters: [String] = []
    var assignments: [String] = []
    for property in properties(message) {
      switch property {
      case .field(let field):
        let plain = Names.lowerCamel(field.name)
        parameters.append("\(plain): \(try swiftType(field)) = \(try defaultValue(field))")
        assignments.append("self.\(plain) = \(Names.identifier(plain))")
      case .oneof(let oneof):
        let plain = Names.lowerCamel(oneof)
        parameters.append("\(plain): \(Names.upperCamel(oneof))? = nil")
        assignments.append("self.\(plain) = \(Names.identifier(plain))")
      }
    }
    if !parameters.isEmpty {
      out.line("/// Every field defaulted.")
      out.line("package init(")
      try out.indented { (out) throws(GeneratorError) in
        for (index, parameter) in parameters.enumerated() {
          out.line(parameter + (index == parameters.count - 1 ? "" : ","))
        }
      }
      out.line(") {")
      try out.indented { (out) throws(GeneratorError) in
        for assignment in assignments { out.line(assignment) }
      }
      out.line("}")
      out.line()
    }
    out.line("package init() {")
    try out.indented { (out) throws(GeneratorError) in
      for property in properties(message) {
        switch property {
        case .field(let field):
          out.line("self.\(Names.lowerCamel(field.name)) = \(try defaultValue(field))")
        case .oneof(let oneof): out.line("self.\(Names.lowerCamel(oneof)) = nil")
        }
      }
    }
    out.line("}")
    out.line()
  }

  private func printConformance(
    _ message: ProtoMessage, to out: inout LinePrinter
  ) throws(GeneratorError) {
    out.line("package static let messageName = \"\(message.fullName)\"")
    out.line("package static let isRecursive = \(types.reachesACycle(message.fullName))")
    out.line(
      "package nonisolated(unsafe) static let descriptor = CField.descriptor("
        + "\(Names.cPrefix(message.fullName))__init)")
    out.line()
  }

  // MARK: protobuf-c to Swift

  private func printReading(
    _ message: ProtoMessage, to out: inout LinePrinter
  ) throws(GeneratorError) {
    try out.block("package init(copying struct: UnsafeRawPointer) throws(MessageError)") {
      (out) throws(GeneratorError) in
      out.line("self.init()")
      guard !message.fields.isEmpty else { return }
      out.line(
        "let c = `struct`.assumingMemoryBound(to: \(Names.cStruct(message.fullName)).self).pointee")
      for property in properties(message) {
        switch property {
        case .field(let field): try printReading(field, to: &out)
        case .oneof(let oneof):
          // The case of protobuf-c is the number of the field that is set.
          out.line("switch c.\(Names.cField(oneof))_case.rawValue {")
          for field in message.fields where field.oneof == oneof {
            out.line("case \(field.number):")
            out.line(
              "  self.\(Names.lowerCamel(oneof)) = .\(Names.lowerCamel(field.name))"
                + "(\(try read(field, isPresent: true)))")
          }
          out.line("default: break")
          out.line("}")
        }
      }
    }
    out.line()
  }

  private func printReading(
    _ field: ProtoField, to out: inout LinePrinter
  ) throws(GeneratorError) {
    let target = "self.\(Names.lowerCamel(field.name))"
    if field.isOptional {
      let condition = "if c._\(field.name.lowercased())_case.rawValue == \(field.number)"
      out.line("\(condition) { \(target) = \(try read(field, isPresent: true)) }")
    } else if let entry = types.mapEntry(of: field) {
      let member = "c.\(Names.cField(field.name))"
      let count = "c.n_\(field.name.lowercased())"
      try out.block("for pointer in CField.pointers(\(member), \(count))") {
        (out) throws(GeneratorError) in
        out.line(
          "let entry = pointer.assumingMemoryBound(to: \(Names.cStruct(entry.fullName)).self)"
            + ".pointee")
        let key = try read(entry.fields[0], isPresent: true, from: "entry")
        let value = try read(entry.fields[1], isPresent: true, from: "entry")
        out.line("\(target)[\(key)] = \(value)")
      }
    } else {
      out.line("\(target) = \(try read(field, isPresent: false))")
    }
  }

  /// The expression that turns the C field into Swift.
  private func read(
    _ field: ProtoField, isPresent: Bool, from c: String = "c"
  ) throws(GeneratorError) -> String {
    let member = "\(c).\(Names.cField(field.name))"
    let count = "\(c).n_\(field.name.lowercased())"
    let quoted = "\"\(field.jsonName)\""
    if field.isRepeated {
      switch field.type {
      case .string: return "try CField.strings(\(member), \(count), \(quoted))"
      case .bytes: return "CField.byteArrays(\(member), \(count))"
      case .message: return "try CField.messages(\(member), \(count), \(quoted))"
      case .bool: return "CField.scalars(\(member), \(count)).map { $0 != 0 }"
      case .enum(let name):
        return "CField.scalars(\(member), \(count)).map "
          + "{ \(try types.swiftName(name))(rawValue: Int32(truncatingIfNeeded: $0.rawValue)) }"
      default: return "CField.scalars(\(member), \(count))"
      }
    }
    switch field.type {
    case .string: return "try CField.string(\(member), \(quoted))"
    case .bytes: return "CField.bytes(\(member))"
    case .message:
      return "try CField.\(isPresent ? "required" : "message")(\(member), \(quoted))"
    case .bool: return "\(member) != 0"
    case .enum(let name):
      return "\(try types.swiftName(name))"
        + "(rawValue: Int32(truncatingIfNeeded: \(member).rawValue))"
    default: return member
    }
  }

  // MARK: Swift to protobuf-c

  private func printFilling(
    _ message: ProtoMessage, to out: inout LinePrinter
  ) throws(GeneratorError) {
    try out.block("package func fill(_ struct: UnsafeMutableRawPointer, in arena: Arena)") {
      (out) throws(GeneratorError) in
      guard !message.fields.isEmpty else { return }
      out.line(
        "let c = `struct`.assumingMemoryBound(to: \(Names.cStruct(message.fullName)).self)")
      for property in properties(message) {
        switch property {
        case .field(let field): try printFilling(field, to: &out)
        case .oneof(let oneof):
          let plain = Names.lowerCamel(oneof)
          out.line("switch self.\(plain) {")
          for field in message.fields where field.oneof == oneof {
            out.line("case .\(Names.lowerCamel(field.name))(let value):")
            out.line(
              "  c.pointee.\(Names.cField(oneof))_case = .init(rawValue: \(field.number))")
            out.line("  c.pointee.\(Names.cField(field.name)) = \(try make(field.type, "value"))")
          }
          out.line("case nil: break")
          out.line("}")
        }
      }
    }
    out.line()
  }

  private func printFilling(
    _ field: ProtoField, to out: inout LinePrinter
  ) throws(GeneratorError) {
    let source = "self.\(Names.lowerCamel(field.name))"
    let member = "c.pointee.\(Names.cField(field.name))"
    if let entry = types.mapEntry(of: field) {
      try printFilling(map: field, entry, to: &out)
    } else if field.isRepeated {
      out.line("c.pointee.n_\(field.name.lowercased()) = \(source).count")
      out.line(
        "\(member) = CField.array(\(source), in: arena) { \(try make(field.type, "$0")) }")
    } else if field.isOptional {
      try out.block("if let value = \(source)") { (out) throws(GeneratorError) in
        out.line(
          "c.pointee._\(field.name.lowercased())_case = .init(rawValue: \(field.number))")
        out.line("\(member) = \(try make(field.type, "value"))")
      }
    } else {
      out.line("\(member) = \(try make(field.type, source))")
    }
  }

  private func printFilling(
    map field: ProtoField, _ entry: ProtoMessage, to out: inout LinePrinter
  ) throws(GeneratorError) {
    let source = "self.\(Names.lowerCamel(field.name))"
    let cEntry = Names.cStruct(entry.fullName)
    out.line("c.pointee.n_\(field.name.lowercased()) = \(source).count")
    out.line("c.pointee.\(Names.cField(field.name)) = CField.array(")
    out.line("  \(source).sorted { $0.key < $1.key }, in: arena")
    out.line(") { key, value in")
    try out.indented { (out) throws(GeneratorError) in
      out.line("let entry = arena.allocate(\(cEntry).self, count: 1)")
      out.line("\(Names.cPrefix(entry.fullName))__init(entry)")
      out.line("entry.pointee.key = \(try make(entry.fields[0].type, "key"))")
      out.line("entry.pointee.value = \(try make(entry.fields[1].type, "value"))")
      out.line("return entry as UnsafeMutablePointer<\(cEntry)>?")
    }
    out.line("}")
  }

  /// The expression that makes the C value of one element.
  private func make(_ type: ProtoType, _ value: String) throws(GeneratorError) -> String {
    switch type {
    case .string, .bytes: "CField.data(\(value), in: arena)"
    case .message: "CField.pointer(\(value), in: arena)"
    case .bool: "\(value) ? 1 : 0"
    case .enum(let name):
      "\(Names.cStruct(name))(rawValue: .init(truncatingIfNeeded: \(value).rawValue))"
    default: value
    }
  }

  // MARK: JSON

  private func printJSON(
    _ message: ProtoMessage, to out: inout LinePrinter
  ) throws(GeneratorError) {
    try out.block("package func writeFields(to writer: inout JSONWriter)") {
      (out) throws(GeneratorError) in
      for property in properties(message) {
        switch property {
        case .field(let field):
          out.line("writer.field(\"\(field.jsonName)\", self.\(Names.lowerCamel(field.name)))")
        case .oneof(let oneof):
          out.line("switch self.\(Names.lowerCamel(oneof)) {")
          for field in message.fields where field.oneof == oneof {
            out.line(
              "case .\(Names.lowerCamel(field.name))(let value): "
                + "writer.field(\"\(field.jsonName)\", value)")
          }
          out.line("case nil: break")
          out.line("}")
        }
      }
    }
    out.line()
    out.line("package mutating func setField(")
    out.line("  named name: String, to value: JSONValue")
    try out.block(") throws(MessageError) -> Bool") { (out) throws(GeneratorError) in
      out.line("switch name {")
      for field in message.fields {
        let names = Set([field.jsonName, field.name]).sorted().map { "\"\($0)\"" }
        out.line("case \(names.joined(separator: ", ")):")
        let target = "self.\(Names.lowerCamel(field.oneof ?? field.name))"
        if field.oneof != nil {
          let element = try types.elementType(field.type)
          if element != "StructValue" { out.line("  if case .null = value { return true }") }
          out.line(
            "  guard \(target) == nil else { throw .invalidField(\"\(field.jsonName)\", "
              + "reason: \"another field of the same oneof is set\") }")
          out.line(
            "  \(target) = .\(Names.lowerCamel(field.name))"
              + "(try \(element).reading(value, \"\(field.jsonName)\"))")
        } else {
          out.line("  \(target) = try .reading(value, \"\(field.jsonName)\")")
        }
      }
      out.line("default: return false")
      out.line("}")
      if !message.fields.isEmpty { out.line("return true") }
    }
  }
}
