import CMessages

/// `google.protobuf.Struct`: any JSON object.
package struct Struct: OpaqueJSONMessage, JSONArrayElement {
  package var fields: [String: StructValue]

  package init(fields: [String: StructValue] = [:]) { self.fields = fields }
  package init() { self.init(fields: [:]) }

  package static let messageName = "google.protobuf.Struct"
  package static let isRecursive = true
  package nonisolated(unsafe) static let descriptor = CField.descriptor(
    google__protobuf__struct__init)

  package init(copying struct: UnsafeRawPointer) throws(MessageError) {
    let c = `struct`.assumingMemoryBound(to: Google__Protobuf__Struct.self)
    self.init()
    for pointer in CField.pointers(c.pointee.fields, c.pointee.n_fields) {
      let entry = pointer.assumingMemoryBound(to: Google__Protobuf__Struct__FieldsEntry.self)
      let key = try CField.string(entry.pointee.key, "fields")
      fields[key] = try CField.required(entry.pointee.value, "value")
    }
  }

  package func fill(_ struct: UnsafeMutableRawPointer, in arena: Arena) {
    let c = `struct`.assumingMemoryBound(to: Google__Protobuf__Struct.self)
    c.pointee.n_fields = fields.count
    let sorted = fields.sorted { $0.key < $1.key }
    c.pointee.fields = CField.array(sorted, in: arena) { key, value in
      let entry = arena.allocate(Google__Protobuf__Struct__FieldsEntry.self, count: 1)
      google__protobuf__struct__fields_entry__init(entry)
      entry.pointee.key = CField.data(key, in: arena)
      entry.pointee.value = CField.pointer(value, in: arena)
      return entry as UnsafeMutablePointer<Google__Protobuf__Struct__FieldsEntry>?
    }
  }

  package func write(to writer: inout JSONWriter) { fields.write(to: &writer) }

  package init(json value: JSONValue, field: String) throws(MessageError) {
    self.init(fields: try [String: StructValue](json: value, field: field))
  }
}

/// `google.protobuf.Value`: any JSON value.
package indirect enum StructValue: OpaqueJSONMessage, JSONArrayElement {
  case null
  case number(Double)
  case string(String)
  case bool(Bool)
  case `struct`(Struct)
  case list([StructValue])

  package init() { self = .null }

  package static let messageName = "google.protobuf.Value"
  package static let isRecursive = true
  package nonisolated(unsafe) static let descriptor = CField.descriptor(
    google__protobuf__value__init)

  package init(copying struct: UnsafeRawPointer) throws(MessageError) {
    let c = `struct`.assumingMemoryBound(to: Google__Protobuf__Value.self)
    // The case is the number of the field that is set.
    switch c.pointee.kind_case.rawValue {
    case 2: self = .number(c.pointee.number_value)
    case 3: self = .string(try CField.string(c.pointee.string_value, "stringValue"))
    case 4: self = .bool(c.pointee.bool_value != 0)
    case 5: self = .struct(try CField.required(c.pointee.struct_value, "structValue"))
    case 6:
      guard let list = c.pointee.list_value?.pointee else {
        self = .list([])
        return
      }
      self = .list(try CField.messages(list.values, list.n_values, "values"))
    default: self = .null
    }
  }

  package func fill(_ struct: UnsafeMutableRawPointer, in arena: Arena) {
    let c = `struct`.assumingMemoryBound(to: Google__Protobuf__Value.self)
    switch self {
    case .null: c.pointee.kind_case = .init(rawValue: 1)
    case .number(let number):
      c.pointee.kind_case = .init(rawValue: 2)
      c.pointee.number_value = number
    case .string(let text):
      c.pointee.kind_case = .init(rawValue: 3)
      c.pointee.string_value = CField.data(text, in: arena)
    case .bool(let flag):
      c.pointee.kind_case = .init(rawValue: 4)
      c.pointee.bool_value = flag ? 1 : 0
    case .struct(let value):
      c.pointee.kind_case = .init(rawValue: 5)
      c.pointee.struct_value = CField.pointer(value, in: arena)
    case .list(let values):
      let list = arena.allocate(Google__Protobuf__ListValue.self, count: 1)
      google__protobuf__list_value__init(list)
      list.pointee.n_values = values.count
      list.pointee.values = CField.array(values, in: arena) { CField.pointer($0, in: arena) }
      c.pointee.kind_case = .init(rawValue: 6)
      c.pointee.list_value = list
    }
  }

  package func write(to writer: inout JSONWriter) {
    switch self {
    case .null: writer.null()
    case .number(let number):
      // Minus zero is no integer.
      if let whole = Int64(exactly: number), whole.magnitude < 1 << 53,
        whole != 0 || number.sign == .plus
      {
        writer.raw(String(whole))
      } else {
        number.write(to: &writer)
      }
    case .string(let text): writer.string(text)
    case .bool(let flag): writer.bool(flag)
    case .struct(let value): value.write(to: &writer)
    case .list(let values): values.write(to: &writer)
    }
  }

  package init(json value: JSONValue, field: String) throws(MessageError) {
    switch value {
    case .null: self = .null
    case .bool(let flag): self = .bool(flag)
    case .number: self = .number(try Double(json: value, field: field))
    case .string(let text): self = .string(text)
    case .array: self = .list(try [StructValue](json: value, field: field))
    case .object: self = .struct(try Struct(json: value, field: field))
    }
  }
}
