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

/// The client side: one method per method of the service, over any channel.
extension ServiceGenerator {
  func printClient(
    _ service: ProtoService, to out: inout LinePrinter
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
      for method in service.methods {
        out.line()
        out.documentation(method.comment, fallback: "`\(method.name)`.")
        try printCall(method, of: service, to: &out)
      }
      out.line()
      try printTranscodedMethods(service, to: &out)
    }
  }

  private func printCall(
    _ method: ProtoMethod, of service: ProtoService, to out: inout LinePrinter
  ) throws(GeneratorError) {
    let name = Names.decapitalised(method.name)
    let descriptor = "\(service.name)Methods.\(name)"
    let input = try types.swiftName(method.input)
    let output = try types.swiftName(method.output)
    let options = "options: CallOptions = CallOptions()"
    switch method.shape {
    case .unary:
      out.line("package func \(Names.identifier(name))(")
      out.line("  _ request: \(input),")
      out.line("  \(options)")
      try out.block(") async throws(RPCError) -> \(output)") { (out) throws(GeneratorError) in
        out.line("try await channel.unary(")
        out.line("  \(descriptor), request, options: options)")
      }
    case .clientStreaming:
      out.line("package func \(Names.identifier(name))(")
      out.line("  \(options),")
      out.line("  _ send: (RequestWriter<\(input)>) async throws -> Void")
      try out.block(") async throws -> \(output)") { (out) throws(GeneratorError) in
        out.line("try await channel.clientStreaming(")
        out.line("  \(descriptor), \(input).self, as: \(output).self,")
        out.line("  options: options, send)")
      }
    case .serverStreaming:
      out.line("package func \(Names.identifier(name))<Outcome: Sendable>(")
      out.line("  _ request: \(input),")
      out.line("  \(options),")
      out.line("  _ receive: (ResponseStream<\(output)>) async throws -> Outcome")
      try out.block(") async throws -> Outcome") { (out) throws(GeneratorError) in
        out.line("try await channel.serverStreaming(")
        out.line("  \(descriptor), request, as: \(output).self,")
        out.line("  options: options, receive)")
      }
    case .bidirectionalStreaming:
      out.line("package func \(Names.identifier(name))<Outcome: Sendable>(")
      out.line("  \(options),")
      out.line("  _ exchange: (")
      out.line("    RequestWriter<\(input)>, ResponseStream<\(output)>")
      out.line("  ) async throws -> Outcome")
      try out.block(") async throws -> Outcome") { (out) throws(GeneratorError) in
        out.line("try await channel.bidirectionalStreaming(")
        out.line("  \(descriptor), \(input).self, as: \(output).self,")
        out.line("  options: options, exchange)")
      }
    }
  }

  private func printTranscodedMethods(
    _ service: ProtoService, to out: inout LinePrinter
  ) throws(GeneratorError) {
    out.line("/// The methods that have an HTTP route.")
    out.line("package static let transcodedMethods: [TranscodedMethod] = [")
    for method in service.methods where method.shape == .unary && !method.rules.isEmpty {
      out.line("  TranscodedMethod(")
      out.line("    \(service.name)Methods.\(Names.decapitalised(method.name)),")
      out.line("    \(try types.swiftName(method.input)).self,")
      out.line("    \(try types.swiftName(method.output)).self),")
    }
    out.line("]")
  }
}
