internal import CMessages
internal import CProtobufC
internal import Protobuf

/// Reads the C structs of `google.protobuf.FileDescriptorProto` into the model.
struct DescriptorReader {
  private let file: Google__Protobuf__FileDescriptorProto
  private let comments: [[Int32]: String]
  let fileName: String

  init(_ file: Google__Protobuf__FileDescriptorProto) throws(MessageError) {
    self.file = file
    fileName = try Unpack.string(file.name, "name")
    comments = try Self.comments(file)
  }

  func read() throws -> ProtoFile {
    let package = try Unpack.string(file.package, "package")
    let syntax = try Unpack.string(file.syntax, "syntax")
    let messages = try Self.elements(file.n_message_type, file.message_type).enumerated().map {
      try message($1, in: package, path: [4, Int32($0)])
    }
    let enums = try Self.elements(file.n_enum_type, file.enum_type).enumerated().map {
      try enumeration($1, in: package, path: [5, Int32($0)])
    }
    let services = try Self.elements(file.n_service, file.service).enumerated().map {
      try service($1, in: package, path: [6, Int32($0)])
    }
    return ProtoFile(
      name: fileName, package: package, syntax: syntax.isEmpty ? "proto2" : syntax,
      comment: comments[[12]], messages: messages, enums: enums, services: services,
      definesExtensions: file.n_extension > 0)
  }

  private func message(
    _ source: Google__Protobuf__DescriptorProto, in scope: String, path: [Int32]
  ) throws -> ProtoMessage {
    let name = try Unpack.string(source.name, "name")
    let fullName = Self.join(scope, name)
    let sources = Self.elements(source.n_field, source.field)
    let synthetic = Set(
      sources.filter { $0.proto3_optional != 0 }.map { Int($0.oneof_index) })
    let oneofs = try Self.elements(source.n_oneof_decl, source.oneof_decl).enumerated().map {
      ProtoOneof(
        name: try Unpack.string($1.name, "name"), comment: comments[path + [8, Int32($0)]],
        isSynthetic: synthetic.contains($0))
    }
    return ProtoMessage(
      name: name, fullName: fullName, comment: comments[path],
      fields: try sources.enumerated().map {
        try field($1, in: fullName, path: path + [2, Int32($0)])
      },
      oneofs: oneofs,
      messages: try Self.elements(source.n_nested_type, source.nested_type).enumerated().map {
        try message($1, in: fullName, path: path + [3, Int32($0)])
      },
      enums: try Self.elements(source.n_enum_type, source.enum_type).enumerated().map {
        try enumeration($1, in: fullName, path: path + [4, Int32($0)])
      },
      isMapEntry: source.options.map { $0.pointee.map_entry != 0 } ?? false,
      definesExtensions: source.n_extension > 0 || source.n_extension_range > 0)
  }

  private func field(
    _ source: Google__Protobuf__FieldDescriptorProto, in message: String, path: [Int32]
  ) throws -> ProtoField {
    let name = try Unpack.string(source.name, "name")
    let typeName = Self.withoutDot(try Unpack.string(source.type_name, "type_name"))
    guard let kind = FieldKind(type: UInt32(source.type.rawValue), typeName: typeName) else {
      throw CodeGenError(
        file: fileName, element: Self.join(message, name), reason: "groups are not supported")
    }
    return ProtoField(
      name: name, jsonName: try Unpack.string(source.json_name, "json_name"),
      number: source.number, comment: comments[path], kind: kind,
      isRepeated: source.label == GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_REPEATED,
      oneofIndex: source.has_oneof_index != 0 ? Int(source.oneof_index) : nil)
  }

  private func enumeration(
    _ source: Google__Protobuf__EnumDescriptorProto, in scope: String, path: [Int32]
  ) throws -> ProtoEnum {
    let name = try Unpack.string(source.name, "name")
    return ProtoEnum(
      name: name, fullName: Self.join(scope, name), comment: comments[path],
      values: try Self.elements(source.n_value, source.value).enumerated().map {
        ProtoEnumValue(
          name: try Unpack.string($1.name, "name"), number: $1.number,
          comment: comments[path + [2, Int32($0)]])
      })
  }

  private func service(
    _ source: Google__Protobuf__ServiceDescriptorProto, in package: String, path: [Int32]
  ) throws -> ProtoService {
    let name = try Unpack.string(source.name, "name")
    let fullName = Self.join(package, name)
    return ProtoService(
      name: name, fullName: fullName, comment: comments[path],
      methods: try Self.elements(source.n_method, source.method).enumerated().map {
        try method($1, in: fullName, path: path + [2, Int32($0)])
      })
  }

  private func method(
    _ source: Google__Protobuf__MethodDescriptorProto, in service: String, path: [Int32]
  ) throws -> ProtoMethod {
    let name = try Unpack.string(source.name, "name")
    let shape: ProtoMethod.Shape =
      switch (source.client_streaming != 0, source.server_streaming != 0) {
      case (false, false): .unary
      case (true, false): .clientStreaming
      case (false, true): .serverStreaming
      case (true, true): .bidirectionalStreaming
      }
    do {
      return ProtoMethod(
        name: name, comment: comments[path],
        input: Self.withoutDot(try Unpack.string(source.input_type, "input_type")),
        output: Self.withoutDot(try Unpack.string(source.output_type, "output_type")),
        shape: shape, httpRules: try HTTPRules.read(source.options))
    } catch let error as MessageError {
      throw CodeGenError(
        file: fileName, element: Self.join(service, name), reason: error.description)
    }
  }
}

extension DescriptorReader {
  /// The comment before each element, else the one after it, by its path in the descriptor.
  private static func comments(
    _ file: Google__Protobuf__FileDescriptorProto
  ) throws(MessageError) -> [[Int32]: String] {
    var comments: [[Int32]: String] = [:]
    guard let info = file.source_code_info else { return comments }
    for location in elements(info.pointee.n_location, info.pointee.location) {
      let path = [Int32](Unpack.list(location.n_path, location.path))
      let leading = try Unpack.string(location.leading_comments, "leading_comments")
      let trailing = try Unpack.string(location.trailing_comments, "trailing_comments")
      let comment = leading.isEmpty ? trailing : leading
      guard !comment.isEmpty else { continue }
      // protoc keeps the space after `//` and the last line's end.
      let lines = comment.split(separator: "\n", omittingEmptySubsequences: false)
        .map { $0.hasPrefix(" ") ? $0.dropFirst() : $0 }
      comments[path] = lines.joined(separator: "\n").trimmingSuffix("\n")
    }
    return comments
  }

  private static func elements<CMessage>(
    _ count: Int, _ pointers: UnsafeMutablePointer<UnsafeMutablePointer<CMessage>?>?
  ) -> [CMessage] {
    Unpack.list(count, pointers).compactMap { $0?.pointee }
  }

  private static func join(_ scope: String, _ name: String) -> String {
    scope.isEmpty ? name : "\(scope).\(name)"
  }

  private static func withoutDot(_ name: String) -> String {
    name.hasPrefix(".") ? String(name.dropFirst()) : name
  }
}

extension String {
  fileprivate func trimmingSuffix(_ character: Character) -> String {
    var text = self[...]
    while text.last == character { text.removeLast() }
    return String(text)
  }
}
