import Encodings

/// A `.proto` file as reflection serves it, with the files that it imports.
///
/// Generated code holds it as text in the program's constant data; nothing is decoded until
/// it is asked for.
package struct ProtoFileDescriptor: Sendable {
  /// As `import` names it, e.g. `chatelaine/vault/v1/vault.proto`.
  package let name: String
  package let dependencies: [ProtoFileDescriptor]
  private let base64: String

  /// `base64` is the packed `google.protobuf.FileDescriptorProto`.
  package init(name: String, dependencies: [ProtoFileDescriptor], base64: String) {
    self.name = name
    self.dependencies = dependencies
    self.base64 = base64
  }

  /// The packed `google.protobuf.FileDescriptorProto`, decoded anew each time.
  package func packed() -> [UInt8] {
    Base64.standard.decode(base64, padding: .optional) ?? []
  }
}
