import Protobuf

/// A value of an event's details, in words.
enum StructText {
  static func text(of value: StructValue) -> String { "" }
}
