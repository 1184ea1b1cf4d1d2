/// Why code can't be generated; goes to protoc, which prints it after the file's name.
package struct CodeGenError: Error, CustomStringConvertible {
  /// The `.proto` file, as protoc names it; empty when the request itself is at fault.
  package let file: String
  /// Full name of the message, field, enum value or method at fault.
  package let element: String
  package let reason: String

  package var description: String {
    let place = [file, element].filter { !$0.isEmpty }.joined(separator: ": ")
    return place.isEmpty ? reason : "\(place): \(reason)"
  }
}
