import Fuzzing
import Protobuf
import RPC
import ServiceAPI
import TestMessages

/// HTTP requests that become messages: JSON bodies, query parameters and path variables.
@main
enum TranscodingTarget: FuzzTarget {
  static func test(_ input: inout Input) {
    switch input.choice(of: 6) {
    case 0: check(TestAPI.KitchenSink.self, &input)
    case 1: check(Struct.self, &input)
    case 2: check(VaultAPI.UpdateProviderConfigRequest.self, &input)
    case 3: check(AuditAPI.ListEventsRequest.self, &input)
    case 4: check(AuthAPI.CreateAccessTokenRequest.self, &input)
    default: checkText(input.remaining())
    }
  }
}

private func check<M: Message>(_ type: M.Type, _ input: inout Input) {
  let query = input.choice(of: 4)
  let variables = input.choice(of: 4)
  let hasBody = input.bool()
  var request = TranscodingInput()
  request.query = (0..<query).map { _ in pair(&input) }
  request.pathVariables = (0..<variables).map { _ in pair(&input) }
  request.body = input.remaining()
  let rule = HTTPRule(verb: "POST", template: "/", body: hasBody ? .all : .none)
  guard let message = try? request.message(for: rule, as: M.self) else { return }
  let json = message.json()
  let read = requireNoError("what is written can be read") { try M(json: json) }
  require(read.json() == json, "and says the same")
  require(read.packed() == message.packed(), "in its wire format too")
  let unpacked = requireNoError("what was packed can be unpacked") {
    try M(unpacking: message.packed())
  }
  require(unpacked.json() == json, "and says the same")
}

private func pair(_ input: inout Input) -> (name: String, value: String) {
  (
    String(decoding: input.shortBytes(), as: UTF8.self),
    String(decoding: input.shortBytes(), as: UTF8.self)
  )
}

private func checkText(_ text: [UInt8]) {
  guard let value = try? JSONParser.parse(text) else { return }
  var writer = JSONWriter()
  write(value, to: &writer)
  let again = requireNoError("what is written can be read") { try JSONParser.parse(writer.bytes) }
  require(again == value, "and is the same value")
}

private func write(_ value: JSONValue, to writer: inout JSONWriter) {
  switch value {
  case .null: writer.null()
  case .bool(let flag): writer.bool(flag)
  case .number(let text): writer.raw(text)
  case .string(let text): writer.string(text)
  case .array(let elements):
    writer.beginArray()
    for element in elements { write(element, to: &writer) }
    writer.endArray()
  case .object(let members):
    writer.beginObject()
    for member in members {
      writer.name(member.name)
      write(member.value, to: &writer)
    }
    writer.endObject()
  }
}
