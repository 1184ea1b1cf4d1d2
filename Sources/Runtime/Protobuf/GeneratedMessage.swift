import CMessages
import Encodings

/// What `protoc-gen-chatelaine` emits for a message; everything of `Message` follows from it.
///
/// Pointers are untyped here so that no C type shows in a package interface.
///
/// A message describes itself by its name only: its fields may be keys and passwords.
package protocol GeneratedMessage: Message, JSONConvertible, CustomStringConvertible,
  CustomDebugStringConvertible, CustomReflectable
{
  /// The `ProtobufCMessageDescriptor` of the C struct.
  static var descriptor: UnsafeRawPointer { get }
  /// True when the message can contain itself: only then can nesting be deep.
  static var isRecursive: Bool { get }

  /// Copies the C struct that protobuf-c has unpacked.
  init(copying struct: UnsafeRawPointer) throws(MessageError)

  /// Fills an initialised C struct, with everything it points to in `arena`.
  func fill(_ struct: UnsafeMutableRawPointer, in arena: Arena)

  /// Writes the members of the JSON object.
  func writeFields(to writer: inout JSONWriter)

  /// Sets the field with this JSON or proto name; false when there is none.
  mutating func setField(named name: String, to value: JSONValue) throws(MessageError) -> Bool
}

extension GeneratedMessage {
  package var description: String { Self.messageName }
  package var debugDescription: String { Self.messageName }
  package var customMirror: Mirror { Mirror(self, children: []) }
}

extension GeneratedMessage {
  package init(unpacking bytes: UnsafeRawBufferPointer) throws(MessageError) {
    let descriptor = Self.descriptor.assumingMemoryBound(to: ProtobufCMessageDescriptor.self)
    if Self.isRecursive { try WireNesting.check(bytes, descriptor) }
    let arena = Arena(limitBytes: MessageLimits.memoryBytesMax(forBytes: bytes.count))
    var allocator = arena.allocator
    let start = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
    // protobuf-c refuses a null pointer even for an empty message.
    let unpacked = withExtendedLifetime(arena) {
      withUnsafePointer(to: 0 as UInt8) { empty in
        protobuf_c_message_unpack(descriptor, &allocator, bytes.count, start ?? empty)
      }
    }
    guard let unpacked else { throw .malformed(message: Self.messageName) }
    // Not freed by protobuf-c: the arena owns all of it.
    defer { withExtendedLifetime(arena) {} }
    try self.init(copying: UnsafeRawPointer(unpacked))
  }

  package func pack<Buffer: PackingBuffer>(into buffer: inout Buffer) {
    let arena = Arena()
    let message = makeStruct(in: arena).assumingMemoryBound(to: ProtobufCMessage.self)
    let size = protobuf_c_message_get_packed_size(message)
    buffer.append(byteCount: size) { bytes in
      guard let start = bytes.baseAddress else { return }
      _ = protobuf_c_message_pack(message, start.assumingMemoryBound(to: UInt8.self))
    }
    withExtendedLifetime(arena) {}
  }

  /// A filled C struct in `arena`.
  package func makeStruct(in arena: Arena) -> UnsafeMutableRawPointer {
    let descriptor = Self.descriptor.assumingMemoryBound(to: ProtobufCMessageDescriptor.self)
    let memory = arena.allocate(byteCount: descriptor.pointee.sizeof_message)
    descriptor.pointee.message_init?(memory.assumingMemoryBound(to: ProtobufCMessage.self))
    fill(memory, in: arena)
    return memory
  }
}

extension Arena {
  /// The arena as protobuf-c wants it; valid while the arena lives.
  fileprivate var allocator: ProtobufCAllocator {
    ProtobufCAllocator(
      alloc: { context, size in
        guard let context else { return nil }
        return Unmanaged<Arena>.fromOpaque(context)._withUnsafeGuaranteedRef {
          $0.allocateWithinLimit(byteCount: size)
        }
      },
      free: { _, _ in },
      allocator_data: Unmanaged.passUnretained(self).toOpaque())
  }
}

/// A well-known type whose JSON is not an object of its fields: none can be named.
package protocol OpaqueJSONMessage: GeneratedMessage {}

extension OpaqueJSONMessage {
  package func writeFields(to writer: inout JSONWriter) {}

  package mutating func setField(
    named name: String, to value: JSONValue
  ) throws(MessageError) -> Bool { false }
}

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

/// Names the agreement between generated code and this module.
package enum ProtobufRuntime {
  /// Renamed whenever generated code must be made anew.
  package enum Version1 {}
}
