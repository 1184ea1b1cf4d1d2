import CMessages

/// Reads `google.protobuf.FileDescriptorProto` structs into our own small model.
struct DescriptorReader {
  private let file: Google__Protobuf__FileDescriptorProto
  private let fileName: String
  /// Comments by the path of `SourceCodeInfo.Location`.
  private let comments: [[Int32]: String]

  init(_ file: Google__Protobuf__FileDescriptorProto) {
    self.file = file
    fileName = Self.text(file.name)
    var comments: [[Int32]: String] = [:]
    if let information = file.source_code_info?.pointee {
      for location in Self.elements(information.location, information.n_location) {
        let path = Array(UnsafeBufferPointer(start: location.path, count: location.n_path))
        let comment = Self.text(location.leading_comments)
        if !comment.isEmpty { comments[path] = comment }
      }
    }
    self.comments = comments
  }

  /// Throws for what a file to generate from may not contain; one that is only imported may.
  func refuseUnsupported() throws(GeneratorError) {
    guard Self.text(file.syntax) == "proto3" else {
      throw .unsupported(element: "syntax", reason: "only proto3 is supported")
    }
    guard !Self.text(file.package).isEmpty else {
      throw .unsupported(element: "package", reason: "is missing, and with it the namespace")
    }
    if let found = Self.elements(file.extension, file.n_extension).first {
      throw .unsupported(element: Self.text(found.name), reason: "extensions are not supported")
    }
    try refuseReserved(file.enum_type, file.n_enum_type)
    var pending = Self.elements(file.message_type, file.n_message_type)
    while let message = pending.popLast() {
      try refuseReserved(Self.text(message.name))
      try refuseReserved(message.enum_type, message.n_enum_type)
      if let found = Self.elements(message.extension, message.n_extension).first {
        throw .unsupported(element: Self.text(found.name), reason: "extensions are not supported")
      }
      pending += Self.elements(message.nested_type, message.n_nested_type)
    }
  }

  private func refuseReserved(
    _ enums: UnsafeMutablePointer<UnsafeMutablePointer<Google__Protobuf__EnumDescriptorProto>?>?,
    _ count: Int
  ) throws(GeneratorError) {
    for value in Self.elements(enums, count) { try refuseReserved(Self.text(value.name)) }
  }

  private func refuseReserved(_ name: String) throws(GeneratorError) {
    guard !Names.reserved.contains(name) else {
      throw .unsupported(element: name, reason: "generated code needs this name for itself")
    }
  }

  func read() throws(GeneratorError) -> ProtoFile {
    let package = Self.text(file.package)
    var messages: [ProtoMessage] = []
    for (index, message) in Self.elements(file.message_type, file.n_message_type).enumerated() {
      try messages.append(read(message, in: package, path: [4, Int32(index)]))
    }
    let enums = Self.elements(file.enum_type, file.n_enum_type).enumerated().map { index, value in
      read(value, in: package, path: [5, Int32(index)])
    }
    var services: [ProtoService] = []
    for (index, service) in Self.elements(file.service, file.n_service).enumerated() {
      try services.append(read(service, in: package, path: [6, Int32(index)]))
    }
    var result = readHeader()
    result.messages = messages
    result.enums = enums
    result.services = services
    return result
  }

  /// The file without what it declares, which may be anything.
  func readHeader() -> ProtoFile {
    let dependencies = UnsafeBufferPointer(start: file.dependency, count: file.n_dependency)
    return ProtoFile(
      name: fileName, package: Self.text(file.package),
      dependencies: dependencies.map { Self.text($0) },
      packed: packedWithoutComments(), messages: [], enums: [], services: [])
  }

  private func packedWithoutComments() -> [UInt8] {
    // The struct is a copy of ours: what it points to stays with the request.
    var file = file
    file.source_code_info = nil
    let size = google__protobuf__file_descriptor_proto__get_packed_size(&file)
    return [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
      count = google__protobuf__file_descriptor_proto__pack(&file, buffer.baseAddress)
    }
  }

  private func read(
    _ message: Google__Protobuf__DescriptorProto, in scope: String, path: [Int32]
  ) throws(GeneratorError) -> ProtoMessage {
    let name = Self.text(message.name)
    let fullName = scope.isEmpty ? name : "\(scope).\(name)"
    let oneofs = Self.elements(message.oneof_decl, message.n_oneof_decl).map { Self.text($0.name) }
    var fields: [ProtoField] = []
    for (index, field) in Self.elements(message.field, message.n_field).enumerated() {
      try fields.append(
        read(field, oneofs: oneofs, in: fullName, path: path + [2, Int32(index)]))
    }
    var nested: [ProtoMessage] = []
    for (index, child) in Self.elements(message.nested_type, message.n_nested_type).enumerated() {
      try nested.append(read(child, in: fullName, path: path + [3, Int32(index)]))
    }
    let enums = Self.elements(message.enum_type, message.n_enum_type).enumerated()
      .map { index, value in read(value, in: fullName, path: path + [4, Int32(index)]) }
    return ProtoMessage(
      name: name, fullName: fullName, comment: comments[path] ?? "", fields: fields,
      oneofs: oneofs.filter { oneof in fields.contains { $0.oneof == oneof } }, messages: nested,
      enums: enums, isMapEntry: message.options?.pointee.map_entry ?? 0 != 0)
  }

  private func read(
    _ field: Google__Protobuf__FieldDescriptorProto, oneofs: [String], in scope: String,
    path: [Int32]
  ) throws(GeneratorError) -> ProtoField {
    let name = Self.text(field.name)
    let isOptional = field.has_proto3_optional != 0 && field.proto3_optional != 0
    let isInOneof = field.has_oneof_index != 0 && !isOptional
    let index = Int(field.oneof_index)
    return ProtoField(
      name: name, jsonName: Self.text(field.json_name), comment: comments[path] ?? "",
      number: field.number, type: try type(of: field, element: "\(scope).\(name)"),
      isRepeated: field.label == GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_REPEATED,
      isOptional: isOptional,
      oneof: isInOneof && oneofs.indices.contains(index) ? oneofs[index] : nil)
  }

  private func type(
    of field: Google__Protobuf__FieldDescriptorProto, element: String
  ) throws(GeneratorError) -> ProtoType {
    let typeName = String(Self.text(field.type_name).drop { $0 == "." })
    // The numbers of google.protobuf.FieldDescriptorProto.Type.
    switch field.type.rawValue {
    case 1: return .double
    case 2: return .float
    case 3, 16, 18: return .int64
    case 4, 6: return .uint64
    case 5, 15, 17: return .int32
    case 7, 13: return .uint32
    case 8: return .bool
    case 9: return .string
    case 11: return .message(typeName)
    case 12: return .bytes
    case 14: return .enum(typeName)
    default: throw .unsupported(element: element, reason: "groups are not supported")
    }
  }

  private func read(
    _ value: Google__Protobuf__EnumDescriptorProto, in scope: String, path: [Int32]
  ) -> ProtoEnum {
    let name = Self.text(value.name)
    let values = Self.elements(value.value, value.n_value).enumerated().map { index, value in
      (Self.text(value.name), value.number, comments[path + [2, Int32(index)]] ?? "")
    }
    return ProtoEnum(
      name: name, fullName: scope.isEmpty ? name : "\(scope).\(name)",
      comment: comments[path] ?? "", values: values)
  }

  private func read(
    _ service: Google__Protobuf__ServiceDescriptorProto, in scope: String, path: [Int32]
  ) throws(GeneratorError) -> ProtoService {
    let name = Self.text(service.name)
    var methods: [ProtoMethod] = []
    for (index, method) in Self.elements(service.method, service.n_method).enumerated() {
      let methodName = Self.text(method.name)
      try methods.append(
        ProtoMethod(
          name: methodName, comment: comments[path + [2, Int32(index)]] ?? "",
          input: String(Self.text(method.input_type).drop { $0 == "." }),
          output: String(Self.text(method.output_type).drop { $0 == "." }),
          shape: shape(of: method),
          rules: HTTPRules.read(method.options, element: "\(scope).\(name).\(methodName)")))
    }
    return ProtoService(
      name: name, fullName: "\(scope).\(name)", comment: comments[path] ?? "", methods: methods)
  }

  private func shape(of method: Google__Protobuf__MethodDescriptorProto) -> ProtoShape {
    switch (method.client_streaming != 0, method.server_streaming != 0) {
    case (false, false): .unary
    case (true, false): .clientStreaming
    case (false, true): .serverStreaming
    case (true, true): .bidirectionalStreaming
    }
  }

  // MARK: C arrays and strings

  static func text(_ pointer: UnsafePointer<CChar>?) -> String {
    pointer.map { String(cString: $0) } ?? ""
  }

  static func elements<Struct>(
    _ array: UnsafeMutablePointer<UnsafeMutablePointer<Struct>?>?, _ count: Int
  ) -> [Struct] {
    guard let array else { return [] }
    return UnsafeBufferPointer(start: array, count: count).compactMap { $0?.pointee }
  }
}
