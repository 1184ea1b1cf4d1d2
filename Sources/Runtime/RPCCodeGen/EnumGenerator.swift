/// Prints an open Swift enum.
enum EnumGenerator {
  static func printEnum(
    _ value: ProtoEnum, to out: inout LinePrinter
  ) throws(GeneratorError) {
    // An alias repeats a number: the first name of each number is the case.
    var seen: Set<Int32> = []
    let cases = value.values.filter { seen.insert($0.number).inserted }
    let caseName = { (name: String) in Names.identifier(Names.enumCase(name, of: value.name)) }
    out.documentation(value.comment, fallback: "`\(value.fullName)`.")
    try out.block("package enum \(value.name): GeneratedEnum") { (out) throws(GeneratorError) in
      for known in cases {
        out.documentation(known.comment, fallback: "`\(known.name)`.")
        out.line("case \(caseName(known.name))")
      }
      out.line("/// A number that this code has no name for.")
      out.line("case unrecognized(Int32)")
      out.line()
      try out.block("package init(rawValue: Int32)") { (out) throws(GeneratorError) in
        out.line("switch rawValue {")
        for known in cases { out.line("case \(known.number): self = .\(caseName(known.name))") }
        out.line("default: self = .unrecognized(rawValue)")
        out.line("}")
      }
      out.line()
      try out.block("package var rawValue: Int32") { (out) throws(GeneratorError) in
        out.line("switch self {")
        for known in cases { out.line("case .\(caseName(known.name)): \(known.number)") }
        out.line("case .unrecognized(let number): number")
        out.line("}")
      }
      out.line()
      try out.block("package var protoName: String?") { (out) throws(GeneratorError) in
        out.line("switch self {")
        for known in cases { out.line("case .\(caseName(known.name)): \"\(known.name)\"") }
        out.line("case .unrecognized: nil")
        out.line("}")
      }
      out.line()
      try out.block("package init?(protoName: String)") { (out) throws(GeneratorError) in
        out.line("switch protoName {")
        for known in value.values {
          out.line("case \"\(known.name)\": self = Self(rawValue: \(known.number))")
        }
        out.line("default: return nil")
        out.line("}")
      }
    }
    out.line()
  }
}
