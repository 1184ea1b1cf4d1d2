package import CMessages

/// Conversions between protobuf-c's fields and Swift values; only generated code calls them.
///
/// String fields are bytes on the C side, see docs/decisions/0002, so that an embedded NUL
/// survives.
package enum CField {
  /// The descriptor that an initialised C struct points to: constant data of the program.
  ///
  /// Taken from a struct and not from the C constant, whose address Swift doesn't promise.
  package static func descriptor<Struct>(
    _ initialise: (UnsafeMutablePointer<Struct>?) -> Void
  ) -> UnsafeRawPointer {
    let message = UnsafeMutablePointer<Struct>.allocate(capacity: 1)
    defer { message.deallocate() }
    initialise(message)
    return UnsafeRawPointer(
      UnsafeRawPointer(message).assumingMemoryBound(to: ProtobufCMessage.self).pointee.descriptor)
  }

  // MARK: C to Swift

  package static func bytes(_ data: ProtobufCBinaryData) -> [UInt8] {
    Array(UnsafeBufferPointer(start: data.data, count: data.len))
  }

  package static func string(
    _ data: ProtobufCBinaryData, _ field: StaticString
  ) throws(MessageError) -> String {
    let bytes = UnsafeBufferPointer(start: data.data, count: data.len)
    // A quarter to a half of what String(validating:as:) costs in Swift 6.3.
    guard let text = try? UTF8Span(validating: bytes.span) else {
      throw .invalidUTF8(field: field.description)
    }
    return String(copying: text)
  }

  package static func message<M: GeneratedMessage>(
    _ pointer: UnsafeRawPointer?, _ field: StaticString
  ) throws(MessageError) -> M? {
    guard let pointer else { return nil }
    do throws(MessageError) {
      return try M(copying: pointer)
    } catch {
      throw error.inside(field.description)
    }
  }

  /// A message in a oneof, where the case says that it is there.
  package static func required<M: GeneratedMessage>(
    _ pointer: UnsafeRawPointer?, _ field: StaticString
  ) throws(MessageError) -> M {
    try message(pointer, field) ?? M()
  }

  package static func messages<M: GeneratedMessage>(
    _ array: UnsafeRawPointer?, _ count: Int, _ field: StaticString
  ) throws(MessageError) -> [M] {
    var result: [M] = []
    result.reserveCapacity(count)
    for pointer in pointers(array, count) {
      do throws(MessageError) {
        try result.append(M(copying: pointer))
      } catch {
        throw error.inside("\(field)[\(result.count)]")
      }
    }
    return result
  }

  /// The elements of a repeated message field: also how map entries arrive.
  package static func pointers(_ array: UnsafeRawPointer?, _ count: Int) -> [UnsafeRawPointer] {
    guard let array else { return [] }
    let start = array.assumingMemoryBound(to: UnsafeRawPointer?.self)
    return UnsafeBufferPointer(start: start, count: count).compactMap { $0 }
  }

  package static func strings(
    _ array: UnsafePointer<ProtobufCBinaryData>?, _ count: Int, _ field: StaticString
  ) throws(MessageError) -> [String] {
    var result: [String] = []
    result.reserveCapacity(count)
    for data in UnsafeBufferPointer(start: array, count: array == nil ? 0 : count) {
      try result.append(string(data, field))
    }
    return result
  }

  package static func byteArrays(
    _ array: UnsafePointer<ProtobufCBinaryData>?, _ count: Int
  ) -> [[UInt8]] {
    UnsafeBufferPointer(start: array, count: array == nil ? 0 : count).map { bytes($0) }
  }

  package static func scalars<Scalar>(_ array: UnsafePointer<Scalar>?, _ count: Int) -> [Scalar] {
    Array(UnsafeBufferPointer(start: array, count: array == nil ? 0 : count))
  }

  // MARK: Swift to C

  package static func data(_ bytes: [UInt8], in arena: Arena) -> ProtobufCBinaryData {
    guard !bytes.isEmpty else { return ProtobufCBinaryData(len: 0, data: nil) }
    let memory = arena.allocate(UInt8.self, count: bytes.count)
    memory.initialize(from: bytes, count: bytes.count)
    return ProtobufCBinaryData(len: bytes.count, data: memory)
  }

  package static func data(_ text: String, in arena: Arena) -> ProtobufCBinaryData {
    let view = text.utf8
    guard !view.isEmpty else { return ProtobufCBinaryData(len: 0, data: nil) }
    let count = view.count
    let memory = arena.allocate(UInt8.self, count: count)
    _ = UnsafeMutableBufferPointer(start: memory, count: count).initialize(from: view)
    return ProtobufCBinaryData(len: count, data: memory)
  }

  package static func pointer<M: GeneratedMessage, Struct>(
    _ message: M?, in arena: Arena
  ) -> UnsafeMutablePointer<Struct>? {
    message?.makeStruct(in: arena).assumingMemoryBound(to: Struct.self)
  }

  /// An array of what `make` returns for each element; nil for none, as protobuf-c has it.
  package static func array<Element, CElement>(
    _ elements: [Element], in arena: Arena, _ make: (Element) -> CElement
  ) -> UnsafeMutablePointer<CElement>? {
    guard !elements.isEmpty else { return nil }
    let memory = arena.allocate(CElement.self, count: elements.count)
    for (index, element) in elements.enumerated() {
      (memory + index).initialize(to: make(element))
    }
    return memory
  }
}
