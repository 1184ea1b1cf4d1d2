import CMessages

/// `google.protobuf.Struct`: any JSON object.
package struct Struct: GeneratedMessage, JSONArrayElement {
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

  package func writeFields(to writer: inout JSONWriter) {}

  package mutating func setField(
    named name: String, to value: JSONValue
  ) throws(MessageError) -> Bool { false }

  package func write(to writer: inout JSONWriter) { fields.write(to: &writer) }

  package init(json value: JSONValue, field: String) throws(MessageError) {
    self.init(fields: try [String: StructValue](json: value, field: field))
  }
}
