import CMessages

/// Bounds nesting before protobuf-c, which recurses on the C stack, sees the bytes.
enum WireNesting {
  /// Throws when known message fields are nested deeper than the limit. Malformed bytes pass: the
  /// unpacker refuses them.
  static func check(
    _ bytes: UnsafeRawBufferPointer, _ descriptor: UnsafePointer<ProtobufCMessageDescriptor>,
    depth: Int = 1
  ) throws(MessageError) {
    guard depth <= MessageLimits.nestingDepthMax else { throw .nestedTooDeep }
    var position = 0
    while position < bytes.count {
      guard let tag = varint(bytes, &position) else { return }
      switch tag & 7 {
      case 0: guard varint(bytes, &position) != nil else { return }
      case 1: position += 8
      case 5: position += 4
      case 2:
        guard let length = varint(bytes, &position), length <= UInt64(bytes.count - position) else {
          return
        }
        let end = position + Int(length)
        if let number = UInt32(exactly: tag >> 3),
          let field = protobuf_c_message_descriptor_get_field(descriptor, number),
          field.pointee.type == PROTOBUF_C_TYPE_MESSAGE, let nested = field.pointee.descriptor
        {
          try check(
            UnsafeRawBufferPointer(rebasing: bytes[position..<end]),
            nested.assumingMemoryBound(to: ProtobufCMessageDescriptor.self), depth: depth + 1)
        }
        position = end
      default: return
      }
    }
  }

  private static func varint(_ bytes: UnsafeRawBufferPointer, _ position: inout Int) -> UInt64? {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while position < bytes.count, shift < 64 {
      let byte = bytes[position]
      position += 1
      value |= UInt64(byte & 0x7F) << shift
      if byte & 0x80 == 0 { return value }
      shift += 7
    }
    return nil
  }
}
