package import Protobuf

/// What is known of a method before any call: generated from the `.proto` files.
///
/// An object, as every call refers to it: copies of its strings would cost several references each.
package final class MethodDescriptor: Sendable {
  /// The four call shapes of gRPC.
  package enum Shape: Sendable, Hashable {
    case unary
    case clientStreaming
    case serverStreaming
    case bidirectionalStreaming
  }

  /// E.g. `chatelaine.vault.v1.Vault`.
  package let service: String
  /// E.g. `CreateProviderConfig`.
  package let method: String
  /// `/` + service + `/` + method: the `:path` of the call.
  package let path: String
  package let shape: Shape
  package let httpRules: [HTTPRule]

  package init(service: String, method: String, shape: Shape, httpRules: [HTTPRule] = []) {
    self.service = service
    self.method = method
    self.path = "/\(service)/\(method)"
    self.shape = shape
    self.httpRules = httpRules
  }
}

/// Two descriptors are the same when they say the same.
extension MethodDescriptor: Hashable {
  package static func == (lhs: MethodDescriptor, rhs: MethodDescriptor) -> Bool {
    lhs === rhs
      || (lhs.path == rhs.path && lhs.shape == rhs.shape && lhs.httpRules == rhs.httpRules)
  }

  package func hash(into hasher: inout Hasher) {
    hasher.combine(path)
  }
}

/// One binding of `google.api.http`.
package struct HTTPRule: Sendable, Hashable {
  /// Which part of the request message the HTTP body fills.
  package enum Body: Sendable, Hashable {
    case none
    case all
    case field(String)
  }

  /// `GET`, `POST`, ...
  package let verb: String
  /// E.g. `/api/v1/provider-configs/{id}:enable`.
  package let template: String
  package let body: Body

  package init(verb: String, template: String, body: Body) {
    self.verb = verb
    self.template = template
    self.body = body
  }
}

/// A unary method that can be called with HTTP path variables, query and JSON body, its message
/// types erased. Generated for every method with a `google.api.http` rule.
package struct TranscodedMethod: Sendable {
  package typealias Call =
    @Sendable (any RPCChannel, HTTPRule, TranscodingInput, CallOptions) async throws -> [UInt8]

  package let descriptor: MethodDescriptor
  /// Returns the response as proto3 JSON; throws `MessageError` for bad input, else `RPCError`.
  package let call: Call

  package init<Request: Message, Response: Message>(
    _ descriptor: MethodDescriptor, _ request: Request.Type, _ response: Response.Type
  ) {
    self.descriptor = descriptor
    self.call = { channel, rule, input, options in
      let request = try input.message(for: rule, as: Request.self)
      let response = try await channel.unary(
        descriptor, request, as: Response.self, options: options)
      return response.json()
    }
  }
}

/// The parts of an HTTP request that become fields of a message.
package struct TranscodingInput: Sendable {
  /// Percent-decoded values of the template's variables.
  package var pathVariables: [(name: String, value: String)]
  /// Percent-decoded query parameters.
  package var query: [(name: String, value: String)]
  package var body: [UInt8]

  package init(
    pathVariables: [(name: String, value: String)] = [],
    query: [(name: String, value: String)] = [], body: [UInt8] = []
  ) {
    self.pathVariables = pathVariables
    self.query = query
    self.body = body
  }

  /// Builds the request message: body first, then query, then path variables, which win.
  package func message<Request: Message>(
    for rule: HTTPRule, as type: Request.Type
  ) throws(MessageError) -> Request {
    var request: Request
    switch rule.body {
    case .all where !body.isEmpty: request = try Request(json: body)
    case .all, .none: request = Request()
    case .field(let name):
      throw .invalidField(name, reason: "a body of one field is not supported")
    }
    for (name, value) in query { try request.setField(name, text: value) }
    for (name, value) in pathVariables { try request.setField(name, text: value) }
    return request
  }
}
