/// Why there is no Swift for a file: named so that its author finds the place.
package enum GeneratorError: Error, CustomStringConvertible {
  case malformedRequest
  case unsupported(element: String, reason: String)
  case unknownType(String)
  /// Something in the `.proto` file of that name.
  indirect case inFile(String, GeneratorError)

  package var description: String {
    switch self {
    case .malformedRequest: "the request is not a CodeGeneratorRequest"
    case .unsupported(let element, let reason): "\(element): \(reason)"
    case .unknownType(let name): "\(name): there is no such type in the request"
    case .inFile(let name, let error): "\(name): \(error)"
    }
  }
}
