/// Prints descriptors, the server protocol and the client of a service.
struct ServiceGenerator {
  let types: TypeIndex

  func printService(
    _ service: ProtoService, to out: inout LinePrinter
  ) throws(GeneratorError) {
    try printDescriptors(service, to: &out)
    try printProtocol(service, to: &out)
    try printClient(service, to: &out)
  }

  private func printDescriptors(
    _ service: ProtoService, to out: inout LinePrinter
  ) throws(GeneratorError) {
    out.line("/// The methods of `\(service.fullName)`.")
    try out.block("package enum \(service.name)Methods") { (out) throws(GeneratorError) in
      for method in service.methods {
        let name = Names.identifier(Names.decapitalised(method.name))
        out.documentation(method.comment, fallback: "`\(method.name)`.")
        out.line("package static let \(name) = MethodDescriptor(")
        out.line("  service: \"\(service.fullName)\", method: \"\(method.name)\",")
        out.line("  shape: .\(method.shape.rawValue),")
        out.line("  httpRules: [")
        for rule in method.rules {
          try check(rule, method, in: service)
          out.line("    HTTPRule(")
          out.line("      verb: \"\(rule.verb)\", template: \"\(rule.template)\",")
          out.line("      body: \(body(rule))),")
        }
        out.line("  ])")
        out.line()
      }
      out.line("/// All of them, in the order of the `.proto` file.")
      out.line("package static let all: [MethodDescriptor] = [")
      for method in service.methods {
        out.line("  \(Names.identifier(Names.decapitalised(method.name))),")
      }
      out.line("]")
    }
    out.line()
  }

  /// Every variable of the path and the body must be fields of the request.
  private func check(
    _ rule: ProtoHTTPRule, _ method: ProtoMethod, in service: ProtoService
  ) throws(GeneratorError) {
    let variables = rule.template.matches(of: /\{([^}]*)\}/).map { String($0.1) }
    let names = variables + (rule.body.isEmpty || rule.body == "*" ? [] : [rule.body])
    for name in names where !types.hasField(name, in: method.input) {
      throw .unsupported(
        element: "\(service.fullName).\(method.name)",
        reason: "\(rule.template) needs a field '\(name)' in \(method.input)")
    }
  }

  private func body(_ rule: ProtoHTTPRule) -> String {
    switch rule.body {
    case "": ".none"
    case "*": ".all"
    default: ".field(\"\(rule.body)\")"
    }
  }
}
