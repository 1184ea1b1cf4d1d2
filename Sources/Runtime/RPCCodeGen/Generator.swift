import CMessages

/// The protoc plugin: a packed CodeGeneratorRequest in, a packed CodeGeneratorResponse out.
package enum Generator {
  /// FEATURE_PROTO3_OPTIONAL of CodeGeneratorResponse.
  private static let supportedFeatures: UInt64 = 1

  /// Never throws: what is wrong with the input goes into the response, as protoc wants it.
  package static func respond(to request: [UInt8]) -> [UInt8] {
    do throws(GeneratorError) {
      return pack(files: try generate(request), error: nil)
    } catch {
      return pack(files: [], error: error.description)
    }
  }

  /// The generated files by name.
  static func generate(
    _ bytes: [UInt8]
  ) throws(GeneratorError) -> [(name: String, content: String)] {
    guard
      let request = google__protobuf__compiler__code_generator_request__unpack(
        nil, bytes.count, bytes)
    else { throw .malformedRequest }
    defer { google__protobuf__compiler__code_generator_request__free_unpacked(request, nil) }

    let wanted = Set(
      UnsafeBufferPointer(
        start: request.pointee.file_to_generate, count: request.pointee.n_file_to_generate
      ).map { DescriptorReader.text($0) })
    let descriptors = DescriptorReader.elements(
      request.pointee.proto_file, request.pointee.n_proto_file)
    let parameters = try GeneratorParameters(DescriptorReader.text(request.pointee.parameter))
    let files =
      parameters.isOnlyDescriptors
      ? descriptors.map { DescriptorReader($0).readHeader() } : try read(descriptors, wanted)
    if parameters.isOnlyOpenAPI {
      let document = OpenAPIGenerator(
        files, openMethods: parameters.openMethods, answers: parameters.answers)
      return [("openapi.json", try document.print())]
    }
    let types = TypeIndex(files)
    var generated: [(name: String, content: String)] = []
    var namespaces: [String: String] = [:]
    let packages = Dictionary(grouping: files.filter { wanted.contains($0.name) }, by: \.package)
    for (package, files) in packages.sorted(by: { $0.key < $1.key }) {
      if let other = namespaces.updateValue(package, forKey: Names.namespace(package)) {
        throw .unsupported(element: package, reason: "has the same namespace in Swift as \(other)")
      }
      let generator = FileGenerator(files, types: types, parameters: parameters)
      try generated.append(("\(package).pb.swift", generator.print()))
    }
    return generated
  }

  /// The files to generate from and those that they import, as far as Swift can refer to them.
  private static func read(
    _ descriptors: [Google__Protobuf__FileDescriptorProto], _ wanted: Set<String>
  ) throws(GeneratorError) -> [ProtoFile] {
    var files: [ProtoFile] = []
    for file in descriptors {
      let name = DescriptorReader.text(file.name)
      let isWanted = wanted.contains(name)
      guard isWanted || DescriptorReader.text(file.syntax) == "proto3" else { continue }
      do throws(GeneratorError) {
        let reader = DescriptorReader(file)
        if isWanted { try reader.refuseUnsupported() }
        files.append(try reader.read())
      } catch {
        throw .inFile(name, error)
      }
    }
    return files
  }

  private static func pack(files: [(name: String, content: String)], error: String?) -> [UInt8] {
    var owned: [UnsafeMutableRawPointer] = []
    defer { for memory in owned { memory.deallocate() } }
    func cString(_ text: String) -> UnsafeMutablePointer<CChar> {
      let bytes = text.utf8CString
      let memory = UnsafeMutablePointer<CChar>.allocate(capacity: bytes.count)
      for (index, byte) in bytes.enumerated() { memory[index] = byte }
      owned.append(memory)
      return memory
    }
    typealias File = Google__Protobuf__Compiler__CodeGeneratorResponse__File
    var response = Google__Protobuf__Compiler__CodeGeneratorResponse()
    google__protobuf__compiler__code_generator_response__init(&response)
    response.has_supported_features = 1
    response.supported_features = supportedFeatures
    response.error = error.map(cString)
    let pointers = UnsafeMutablePointer<UnsafeMutablePointer<File>?>.allocate(
      capacity: max(files.count, 1))
    owned.append(pointers)
    for (index, file) in files.enumerated() {
      let memory = UnsafeMutablePointer<File>.allocate(capacity: 1)
      owned.append(memory)
      google__protobuf__compiler__code_generator_response__file__init(memory)
      memory.pointee.name = cString(file.name)
      memory.pointee.content = cString(file.content)
      pointers[index] = memory
    }
    response.n_file = files.count
    response.file = pointers
    let size = google__protobuf__compiler__code_generator_response__get_packed_size(&response)
    return [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
      count = google__protobuf__compiler__code_generator_response__pack(
        &response, buffer.baseAddress)
    }
  }
}

/// What `--chatelaine_opt` sets: `module=NAME,c_module=NAME,only=descriptors`, or
/// `only=openapi,open=METHOD,answer=METHOD:STATUS:MESSAGE`.
struct GeneratorParameters {
  /// The module that the files will be part of, which they must not import.
  var module = "ServiceAPI"
  /// Where protobuf-c's structs of these files are.
  var cModule = "CMessages"
  /// No messages and services: for files whose messages are written by hand or never used, but that
  /// reflection serves because others import them.
  var isOnlyDescriptors = false
  /// No Swift, but an OpenAPI document of all files together.
  var isOnlyOpenAPI = false
  /// Full names of methods that anybody may call, for that document.
  var openMethods: Set<String> = []
  /// The successes of methods that have others than 200, 201 or 204 with their message, by the
  /// methods' full names, for that document.
  var answers: [String: [(status: Int, message: String)]] = [:]

  init(_ text: String) throws(GeneratorError) {
    for pair in text.split(separator: ",") {
      let parts = pair.split(separator: "=", maxSplits: 1)
      switch (parts.first, parts.last) {
      case ("module", let name?): module = String(name)
      case ("c_module", let name?): cModule = String(name)
      case ("only", "descriptors"): isOnlyDescriptors = true
      case ("only", "openapi"): isOnlyOpenAPI = true
      case ("open", let name?): openMethods.insert(String(name))
      case ("answer", let text?):
        let parts = text.split(separator: ":").map(String.init)
        guard parts.count == 3, let status = Int(parts[1]) else {
          throw .unsupported(element: String(pair), reason: "is not METHOD:STATUS:MESSAGE")
        }
        answers[parts[0], default: []].append((status, parts[2]))
      default: throw .unsupported(element: String(pair), reason: "there is no such option")
      }
    }
  }
}

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
