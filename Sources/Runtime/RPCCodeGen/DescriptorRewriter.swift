import CMessages

/// Makes a FileDescriptorSet fit for protoc-gen-c without changing a byte on the wire.
///
/// - `string` becomes `bytes`: a pointer with a length instead of a `char *` that an embedded NUL
///   would cut.
/// - proto3 `optional`, which protoc-gen-c refuses, becomes the plain oneof that it is underneath.
/// - a map becomes the repeated entries that it is underneath, since a map key can't be `bytes`.
/// - `deprecated` is dropped: the conversions between C and Swift touch every field, without a
///   warning.
///
/// See docs/decisions/0002-generated-messages.md.
package enum DescriptorRewriter {
  /// Files that keep their strings: they describe `.proto` files, and only the generator reads
  /// them.
  private static let untouched = [
    "google/protobuf/descriptor.proto", "google/protobuf/compiler/plugin.proto",
  ]

  package static func rewrite(_ bytes: [UInt8]) throws(GeneratorError) -> [UInt8] {
    guard let set = google__protobuf__file_descriptor_set__unpack(nil, bytes.count, bytes) else {
      throw .malformedRequest
    }
    defer { google__protobuf__file_descriptor_set__free_unpacked(set, nil) }
    for file in pointers(set.pointee.file, set.pointee.n_file)
    where !untouched.contains(DescriptorReader.text(file.pointee.name)) {
      for message in pointers(file.pointee.message_type, file.pointee.n_message_type) {
        rewrite(message)
      }
    }
    let size = google__protobuf__file_descriptor_set__get_packed_size(set)
    return [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
      count = google__protobuf__file_descriptor_set__pack(set, buffer.baseAddress)
    }
  }

  private static func rewrite(
    _ message: UnsafeMutablePointer<Google__Protobuf__DescriptorProto>
  ) {
    message.pointee.options?.pointee.has_map_entry = 0
    for field in pointers(message.pointee.field, message.pointee.n_field) {
      field.pointee.has_proto3_optional = 0
      field.pointee.options?.pointee.has_deprecated = 0
      if field.pointee.type == GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_STRING {
        field.pointee.type = GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_BYTES
      }
    }
    for nested in pointers(message.pointee.nested_type, message.pointee.n_nested_type) {
      rewrite(nested)
    }
  }

  private static func pointers<Struct>(
    _ array: UnsafeMutablePointer<UnsafeMutablePointer<Struct>?>?, _ count: Int
  ) -> [UnsafeMutablePointer<Struct>] {
    guard let array else { return [] }
    return UnsafeBufferPointer(start: array, count: count).compactMap { $0 }
  }
}
