/// Builds descriptors of `google.protobuf` by hand, so that tests need no protoc.
///
/// The numbers are those of `google/protobuf/descriptor.proto` and `compiler/plugin.proto`.
enum DescriptorBuilder {
  typealias Bytes = [UInt8]

  static func varint(_ number: Int, _ value: Int) -> Bytes {
    varint(number << 3) + varint(value)
  }

  static func field(_ number: Int, _ content: Bytes) -> Bytes {
    varint(number << 3 | 2) + varint(content.count) + content
  }

  static func text(_ number: Int, _ text: String) -> Bytes { field(number, Array(text.utf8)) }

  static func request(_ files: [(name: String, bytes: Bytes)], parameter: String = "") -> Bytes {
    files.flatMap { text(1, $0.name) } + (parameter.isEmpty ? [] : text(2, parameter))
      + files.flatMap { field(15, $0.bytes) }
  }

  static func file(
    _ name: String, package: String = "chatelaine.test.v1", syntax: String = "proto3",
    _ content: Bytes...
  ) -> (name: String, bytes: Bytes) {
    let header = text(1, name) + (package.isEmpty ? [] : text(2, package))
    // protoc leaves the syntax out for proto2.
    return (
      name, header + content.flatMap { $0 } + (syntax == "proto2" ? [] : text(12, syntax))
    )
  }

  /// An element of a file, or with `number` 3 a nested message.
  static func message(_ name: String, number: Int = 4, _ content: Bytes...) -> Bytes {
    field(number, text(1, name) + content.flatMap { $0 })
  }

  static func scalar(
    _ name: String, _ number: Int, type: Int, label: Int = 1, _ more: Bytes = []
  ) -> Bytes {
    field(
      2,
      text(1, name) + varint(3, number) + varint(4, label) + varint(5, type) + text(10, name)
        + more)
  }

  static func reference(
    _ name: String, _ number: Int, type: Int = 11, to typeName: String, label: Int = 1
  ) -> Bytes {
    scalar(name, number, type: type, label: label, text(6, typeName))
  }

  static func enumeration(
    _ name: String, number: Int = 5, _ values: [(name: String, number: Int)]
  ) -> Bytes {
    field(
      number,
      text(1, name)
        + values.flatMap { field(2, text(1, $0.name) + varint(2, $0.number)) })
  }

  static func service(_ name: String, _ methods: Bytes...) -> Bytes {
    field(6, text(1, name) + methods.flatMap { $0 })
  }

  static func method(
    _ name: String, from input: String, to output: String, _ more: Bytes = []
  ) -> Bytes {
    field(2, text(1, name) + text(2, input) + text(3, output) + more)
  }

  /// The option `google.api.http` of a method.
  static func http(_ rule: Bytes) -> Bytes { field(4, field(72_295_728, rule)) }

  /// A leading comment on the element at `path`.
  static func comment(_ path: [Int], _ comment: String) -> Bytes {
    field(9, field(1, field(1, path.flatMap(varint)) + text(3, comment)))
  }

  private static func varint(_ value: Int) -> Bytes {
    var rest = UInt64(bitPattern: Int64(value))
    var bytes: Bytes = []
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    return bytes + [UInt8(rest)]
  }
}
