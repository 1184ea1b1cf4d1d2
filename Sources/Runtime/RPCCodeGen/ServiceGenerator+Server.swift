/// The server side: the protocol that a service implements, and its default handlers.
extension ServiceGenerator {
  func printProtocol(
    _ service: ProtoService, to out: inout LinePrinter
  ) throws(GeneratorError) {
    out.documentation(service.comment, fallback: "`\(service.fullName)`, server side.")
    let name = Names.serviceProtocol(service.name)
    try out.block("package protocol \(name): RPCService") { (out) throws(GeneratorError) in
      for method in service.methods {
        out.documentation(method.comment, fallback: "`\(method.name)`.")
        out.line("func \(Names.identifier(Names.decapitalised(method.name)))(")
        let input = try types.swiftName(method.input)
        let output = try types.swiftName(method.output)
        switch method.shape {
        case .unary:
          out.line("  _ request: \(input), context: ServerContext")
          out.line(") async throws -> \(output)")
        case .clientStreaming:
          out.line("  _ requests: RequestStream<\(input)>, context: ServerContext")
          out.line(") async throws -> \(output)")
        case .serverStreaming:
          out.line("  _ request: \(input), to responses: ResponseWriter<\(output)>,")
          out.line("  context: ServerContext")
          out.line(") async throws")
        case .bidirectionalStreaming:
          out.line("  _ requests: RequestStream<\(input)>,")
          out.line("  to responses: ResponseWriter<\(output)>, context: ServerContext")
          out.line(") async throws")
        }
        out.line()
      }
    }
    out.line()
  }

  /// What a service has by default: extensions can't stand inside the namespace.
  func printHandlers(
    _ service: ProtoService, of file: ProtoFile, namespace: String, to out: inout LinePrinter
  ) throws(GeneratorError) {
    let name = Names.serviceProtocol(service.name)
    try out.block("extension \(namespace).\(name)") { (out) throws(GeneratorError) in
      out.line("/// Every method with the code that answers it.")
      try out.block("package var methodHandlers: [MethodHandler]") {
        (out) throws(GeneratorError) in
        out.line("[")
        for method in service.methods {
          try printHandler(
            method, descriptor: "\(namespace).\(service.name)Methods", to: &out)
        }
        out.line("]")
      }
      out.line()
      out.line("/// `\(file.name)`.")
      try out.block("package var fileDescriptor: ProtoFileDescriptor?") {
        (out) throws(GeneratorError) in
        out.line(".\(Names.fileConstant(file.name))")
      }
    }
  }

  private func printHandler(
    _ method: ProtoMethod, descriptor methods: String, to out: inout LinePrinter
  ) throws(GeneratorError) {
    let name = Names.decapitalised(method.name)
    let input = try types.swiftName(method.input)
    let output = try types.swiftName(method.output)
    func printStreaming(_ messages: [String], _ parameters: String, _ arguments: String) {
      out.line("  .\(method.shape.rawValue)(")
      out.line("    \(methods).\(name),")
      out.line("    " + messages.map { "\($0).self" }.joined(separator: ", "))
      out.line("  ) { \(parameters), context in")
      out.line("    try await self.\(name)(\(arguments), context: context)")
      out.line("  },")
    }
    switch method.shape {
    case .unary:
      out.line("  MethodHandler(")
      out.line("    \(methods).\(name),")
      out.line("    .unary { request, context in")
      out.line("      let request = try \(input)(request: request)")
      out.line("      return try await self.\(name)(request, context: context).enveloped()")
      out.line("    }),")
    case .clientStreaming: printStreaming([input], "requests", "requests")
    case .serverStreaming:
      printStreaming([input, output], "request, responses", "request, to: responses")
    case .bidirectionalStreaming:
      printStreaming([input, output], "requests, responses", "requests, to: responses")
    }
  }
}
