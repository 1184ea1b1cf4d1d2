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
