/// Prints descriptors, the server protocol and the client of a service.
struct ServiceGenerator {
  let types: TypeIndex

  func printService(
    _ service: ProtoService, to out: inout LinePrinter
  ) throws(GeneratorError) {
    let unary = service.methods.filter { !$0.isClientStreaming && !$0.isServerStreaming }
    try printDescriptors(service, to: &out)
    try printProtocol(service, unary, to: &out)
    try printClient(service, unary, to: &out)
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
        out.line("  shape: \(shape(method)),")
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
      out.line("package static let all = [")
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

  private func shape(_ method: ProtoMethod) -> String {
    switch (method.isClientStreaming, method.isServerStreaming) {
    case (false, false): ".unary"
    case (true, false): ".clientStreaming"
    case (false, true): ".serverStreaming"
    case (true, true): ".bidirectionalStreaming"
    }
  }

  private func body(_ rule: ProtoHTTPRule) -> String {
    switch rule.body {
    case "": ".none"
    case "*": ".all"
    default: ".field(\"\(rule.body)\")"
    }
  }

  private func printProtocol(
    _ service: ProtoService, _ unary: [ProtoMethod], to out: inout LinePrinter
  ) throws(GeneratorError) {
    out.documentation(service.comment, fallback: "`\(service.fullName)`, server side.")
    try out.block("package protocol \(service.name)Service: RPCService") {
      (out) throws(GeneratorError) in
      for method in unary {
        out.documentation(method.comment, fallback: "`\(method.name)`.")
        out.line("func \(Names.identifier(Names.decapitalised(method.name)))(")
        out.line("  _ request: \(try types.swiftName(method.input)), context: ServerContext")
        out.line(") async throws -> \(try types.swiftName(method.output))")
        out.line()
      }
    }
    out.line()
  }

  /// The default handlers: extensions can't stand inside the namespace.
  func printHandlers(
    _ service: ProtoService, namespace: String, to out: inout LinePrinter
  ) throws(GeneratorError) {
    let unary = service.methods.filter { !$0.isClientStreaming && !$0.isServerStreaming }
    try out.block("extension \(namespace).\(service.name)Service") {
      (out) throws(GeneratorError) in
      out.line("/// Every method with the code that answers it.")
      try out.block("package var methodHandlers: [MethodHandler]") {
        (out) throws(GeneratorError) in
        out.line("[")
        for method in unary {
          let name = Names.decapitalised(method.name)
          out.line("  .unary(")
          out.line("    \(namespace).\(service.name)Methods.\(name),")
          out.line("    \(try types.swiftName(method.input)).self")
          out.line("  ) { request, context in")
          out.line("    try await self.\(name)(request, context: context)")
          out.line("  },")
        }
        out.line("]")
      }
    }
  }

  private func printClient(
    _ service: ProtoService, _ unary: [ProtoMethod], to out: inout LinePrinter
  ) throws(GeneratorError) {
    out.documentation(service.comment, fallback: "`\(service.fullName)`, client side.")
    try out.block("package struct \(service.name)Client: Sendable") {
      (out) throws(GeneratorError) in
      out.line("private let channel: any RPCChannel")
      out.line()
      out.line("/// A client that calls over `channel`.")
      try out.block("package init(channel: any RPCChannel)") { (out) throws(GeneratorError) in
        out.line("self.channel = channel")
      }
      for method in unary {
        let name = Names.decapitalised(method.name)
        out.line()
        out.documentation(method.comment, fallback: "`\(method.name)`.")
        out.line("package func \(Names.identifier(name))(")
        out.line("  _ request: \(try types.swiftName(method.input)),")
        out.line("  options: CallOptions = CallOptions()")
        let output = try types.swiftName(method.output)
        try out.block(") async throws(RPCError) -> \(output)") { (out) throws(GeneratorError) in
          out.line("try await channel.unary(")
          out.line("  \(service.name)Methods.\(name), request, options: options)")
        }
      }
      out.line()
      out.line("/// The methods that have an HTTP route.")
      out.line("package static let transcodedMethods: [TranscodedMethod] = [")
      for method in unary where !method.rules.isEmpty {
        out.line("  TranscodedMethod(")
        out.line("    \(service.name)Methods.\(Names.decapitalised(method.name)),")
        out.line("    \(try types.swiftName(method.input)).self,")
        out.line("    \(try types.swiftName(method.output)).self),")
      }
      out.line("]")
    }
  }
}
