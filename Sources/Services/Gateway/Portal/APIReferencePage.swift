package import Edge
import Encodings
import HTTPTypes
import Protobuf

/// `/api/docs`: the OpenAPI document, for people.
package struct APIReferencePage: Sendable {
  struct Section: Sendable {
    let name: String
    let description: String
    var operations: [Operation]
  }

  struct Operation: Sendable {
    let id: String
    let verb: String
    let path: String
    let summary: String
    /// Nil where the summary says it all.
    let description: String?
    /// Whether anybody may call it.
    let isOpen: Bool
    let hasFields: Bool
    let fields: [Field]
    let answer: String
  }

  struct Field: Sendable {
    let name: String
    let place: String
    let type: String
    let description: String
  }

  let portal: Portal
  private let sections: [Section]

  /// - Parameter document: an OpenAPI 3.1 document as our generator prints it. Throws
  ///   `MessageError` for one that is no JSON.
  package init(portal: Portal, document: [UInt8]) throws {
    self.portal = portal
    sections = Reference(try JSONParser.parse(document)).sections
  }

  package func routes() throws(PathTemplate.Failure) -> [Edge.Route] {
    [
      try Edge.Route(["GET"], "/api/docs", .page) { exchange in
        try await portal.anyonesPage(
          exchange, "api-reference", title: "API",
          ["groups": sections, "origin": portal.publicOrigin])
      }
    ]
  }
}

/// Reads the document.
private struct Reference {
  typealias Page = APIReferencePage

  private let document: JSONValue

  init(_ document: JSONValue) { self.document = document }

  var sections: [Page.Section] {
    var sections = document["tags"].elements.map { tag in
      Page.Section(
        name: tag["name"].text, description: tag["description"].text, operations: [])
    }
    for (path, item) in document["paths"].members {
      for (verb, operation) in item.members {
        let tag = operation["tags"].elements.first?.text ?? ""
        guard let index = sections.firstIndex(where: { $0.name == tag }) else { continue }
        sections[index].operations.append(self.operation(verb, path, operation))
      }
    }
    return sections
  }

  private func operation(_ verb: String, _ path: String, _ operation: JSONValue) -> Page.Operation {
    let fields = parameters(operation) + bodyFields(operation)
    let (summary, description) = (operation["summary"].text, operation["description"].text)
    return Page.Operation(
      id: operation["operationId"].text, verb: verb.uppercased(), path: path, summary: summary,
      description: description == "\(summary)." ? nil : description,
      isOpen: operation.has("security"), hasFields: !fields.isEmpty, fields: fields,
      answer: answer(operation))
  }

  private func parameters(_ operation: JSONValue) -> [Page.Field] {
    operation["parameters"].elements.map { parameter in
      Page.Field(
        name: parameter["name"].text, place: parameter["in"].text,
        type: type(parameter["schema"]), description: parameter["description"].text)
    }
  }

  private func bodyFields(_ operation: JSONValue) -> [Page.Field] {
    let schema = operation["requestBody"]["content"]["application/json"]["schema"]
    return schema["properties"].members.map { name, property in
      Page.Field(
        name: name, place: "body", type: type(property),
        description: property["description"].text)
    }
  }

  private func answer(_ operation: JSONValue) -> String {
    for (status, answer) in operation["responses"].members where status.utf8.first == 0x32 {
      let schema = answer["content"]["application/json"]["schema"]
      return schema == .null ? status : "\(status) \(type(schema))"
    }
    return ""
  }

  private func type(_ schema: JSONValue) -> String {
    let reference = schema["$ref"].text
    if !reference.isEmpty {
      let name = reference.split(atByte: "/").last.map(String.init) ?? ""
      let values = document["components"]["schemas"][name]["enum"].elements.map(\.text)
      return values.isEmpty ? name : values.joined(separator: ", ")
    }
    if schema["type"].text == "array" { return "list of \(type(schema["items"]))" }
    let format = schema["format"].text
    return format.isEmpty ? schema["type"].text : format
  }
}

extension JSONValue {
  fileprivate subscript(name: String) -> JSONValue {
    members.first { $0.0.utf8.elementsEqual(name.utf8) }?.1 ?? .null
  }

  fileprivate func has(_ name: String) -> Bool {
    members.contains { $0.0.utf8.elementsEqual(name.utf8) }
  }

  fileprivate var members: [(String, JSONValue)] {
    guard case .object(let members) = self else { return [] }
    return members.map { ($0.name, $0.value) }
  }

  fileprivate var elements: [JSONValue] {
    guard case .array(let elements) = self else { return [] }
    return elements
  }

  fileprivate var text: String {
    guard case .string(let text) = self else { return "" }
    return text
  }
}
