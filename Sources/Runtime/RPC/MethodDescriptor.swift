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
