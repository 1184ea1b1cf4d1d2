import CMessages
import Protobuf
import Synchronization

/// Where every symbol of some `.proto` files and of those that they import is declared.
///
/// Built from the program's own descriptors, never from a peer's bytes.
struct ReflectionIndex {
  /// The declaring file of every message, field, oneof, enum, enum value, service, method and
  /// extension, by full name.
  private(set) var symbols: [String: String] = [:]
  /// The full names of the messages.
  private(set) var messages: Set<String> = []
  /// The declaring file of every extension, by the message that it extends and its number.
  private(set) var extensions: [String: [Int32: String]] = [:]
  private var files: [String: (bytes: [UInt8], imports: [String])] = [:]

  /// - Parameter methods: the full names of those to be shown; nil for all.
  init(_ roots: [ProtoFileDescriptor], showing methods: Set<String>?) {
    var pending = roots
    while let file = pending.popLast() {
      guard files[file.name] == nil else { continue }
      let bytes = methods.map { ReflectionFilter.file(file.packed(), showing: $0) } ?? file.packed()
      files[file.name] = (bytes, file.dependencies.map(\.name))
      addSymbols(of: bytes, in: file.name)
      pending += file.dependencies
    }
  }

  /// The packed file and, after it, those that it imports, directly or not.
  func files(named name: String) -> [[UInt8]]? {
    guard files[name] != nil else { return nil }
    var seen: Set<String> = [name]
    var order = [name]
    var result: [[UInt8]] = []
    while result.count < order.count {
      guard let file = files[order[result.count]] else { break }
      result.append(file.bytes)
      order += file.imports.filter { seen.insert($0).inserted }
    }
    return result
  }

  private mutating func addSymbols(of bytes: [UInt8], in file: String) {
    guard
      let descriptor = google__protobuf__file_descriptor_proto__unpack(nil, bytes.count, bytes)
    else { return }
    defer { google__protobuf__file_descriptor_proto__free_unpacked(descriptor, nil) }
    let root = descriptor.pointee
    let package = Self.text(root.package)
    for message in Self.elements(root.message_type, root.n_message_type) {
      add(message, inside: package, file)
    }
    for value in Self.elements(root.enum_type, root.n_enum_type) {
      add(value, inside: package, file)
    }
    for field in Self.elements(root.extension, root.n_extension) {
      addExtension(field, inside: package, file)
    }
    for service in Self.elements(root.service, root.n_service) {
      let name = addSymbol(service.name, inside: package, file)
      for method in Self.elements(service.method, service.n_method) {
        addSymbol(method.name, inside: name, file)
      }
    }
  }

  private mutating func add(
    _ message: Google__Protobuf__DescriptorProto, inside scope: String, _ file: String
  ) {
    let name = addSymbol(message.name, inside: scope, file)
    messages.insert(name)
    for field in Self.elements(message.field, message.n_field) {
      addSymbol(field.name, inside: name, file)
    }
    for oneof in Self.elements(message.oneof_decl, message.n_oneof_decl) {
      addSymbol(oneof.name, inside: name, file)
    }
    for field in Self.elements(message.extension, message.n_extension) {
      addExtension(field, inside: name, file)
    }
    for value in Self.elements(message.enum_type, message.n_enum_type) {
      add(value, inside: name, file)
    }
    for nested in Self.elements(message.nested_type, message.n_nested_type) {
      add(nested, inside: name, file)
    }
  }

  private mutating func add(
    _ declared: Google__Protobuf__EnumDescriptorProto, inside scope: String, _ file: String
  ) {
    addSymbol(declared.name, inside: scope, file)
    // The values of an enum are its siblings, as in C++.
    for value in Self.elements(declared.value, declared.n_value) {
      addSymbol(value.name, inside: scope, file)
    }
  }

  private mutating func addExtension(
    _ field: Google__Protobuf__FieldDescriptorProto, inside scope: String, _ file: String
  ) {
    addSymbol(field.name, inside: scope, file)
    // protoc writes names in full, with a dot in front.
    let extended = String(Self.text(field.extendee).drop { $0 == "." })
    extensions[extended, default: [:]][field.number] = file
  }

  @discardableResult
  private mutating func addSymbol(
    _ name: UnsafePointer<CChar>?, inside scope: String, _ file: String
  ) -> String {
    let fullName = scope.isEmpty ? Self.text(name) : "\(scope).\(Self.text(name))"
    symbols[fullName] = file
    return fullName
  }

  // MARK: C arrays and strings

  private static func text(_ pointer: UnsafePointer<CChar>?) -> String {
    pointer.map { String(cString: $0) } ?? ""
  }

  private static func elements<Struct>(
    _ array: UnsafeMutablePointer<UnsafeMutablePointer<Struct>?>?, _ count: Int
  ) -> [Struct] {
    guard let array else { return [] }
    return UnsafeBufferPointer(start: array, count: count).compactMap { $0?.pointee }
  }
}

/// What reflection knows: the services, their `.proto` files and everything that those import.
///
/// Files are decoded at the first question about them and then kept: a server that is never asked
/// pays nothing.
final class ReflectionCatalogue: Sendable {
  /// Full names, sorted.
  let services: [String]
  private let roots: [ProtoFileDescriptor]
  private let methods: Set<String>?
  private let index = Mutex<ReflectionIndex?>(nil)

  /// Either may hold duplicates.
  ///
  /// - Parameter methods: the full names of those to be shown; nil for all.
  init(services: [String], files: [ProtoFileDescriptor], methods: Set<String>?) {
    self.services = Set(services).sorted()
    (roots, self.methods) = (files, methods)
  }

  /// The packed file and, after it, those that it imports, directly or not.
  func files(named name: String) -> [[UInt8]]? {
    loaded().files(named: name)
  }

  func files(declaring symbol: String) -> [[UInt8]]? {
    let index = loaded()
    return index.symbols[symbol].flatMap { index.files(named: $0) }
  }

  func files(extending type: String, with number: Int32) -> [[UInt8]]? {
    let index = loaded()
    return index.extensions[type]?[number].flatMap { index.files(named: $0) }
  }

  /// Sorted; nil when there is no such message.
  func extensionNumbers(of type: String) -> [Int32]? {
    let index = loaded()
    guard index.messages.contains(type) else { return nil }
    return index.extensions[type]?.keys.sorted() ?? []
  }

  private func loaded() -> ReflectionIndex {
    index.withLock { index in
      if let index { return index }
      let made = ReflectionIndex(roots, showing: methods)
      index = made
      return made
    }
  }
}
