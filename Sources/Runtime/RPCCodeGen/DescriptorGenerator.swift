internal import Protobuf

/// Prints the constant through which reflection serves a `.proto` file.
enum DescriptorGenerator {
  /// Characters of base64 in one line: the width of this project's code, indented.
  private static let lineCharacters = 92

  static func printDescriptor(
    of file: ProtoFile, to out: inout LinePrinter
  ) throws(GeneratorError) {
    try out.block("extension ProtoFileDescriptor") { (out) throws(GeneratorError) in
      let dependencies = file.dependencies.map { "." + Names.fileConstant($0) }
      out.line("/// `\(file.name)`.")
      out.line("package static let \(Names.fileConstant(file.name)) = ProtoFileDescriptor(")
      out.line("  name: \"\(file.name)\",")
      out.line("  dependencies: [\(dependencies.joined(separator: ", "))],")
      out.line("  base64: \"\"\"")
      var rest = Base64.encode(file.packed)[...]
      while !rest.isEmpty {
        let line = rest.prefix(lineCharacters)
        rest = rest.dropFirst(lineCharacters)
        out.line("    \(line)\(rest.isEmpty ? "" : "\\")")
      }
      out.line("    \"\"\")")
    }
  }
}
