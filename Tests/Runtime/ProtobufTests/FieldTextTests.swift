import Protobuf
import Testing

/// Fields set from path variables and query parameters.
@Suite struct FieldTextTests {
  @Test(arguments: [
    ("int32Value", "-5", KitchenSink(int32Value: -5)),
    ("int32_value", "5", KitchenSink(int32Value: 5)),
    ("uint64Value", "18446744073709551615", KitchenSink(uint64Value: .max)),
    ("doubleValue", "1.5", KitchenSink(doubleValue: 1.5)),
    ("boolValue", "true", KitchenSink(boolValue: true)),
    ("stringValue", "true", KitchenSink(stringValue: "true")),
    ("stringValue", "null", KitchenSink(stringValue: "null")),
    ("stringValue", "12", KitchenSink(stringValue: "12")),
    ("optionalString", "", KitchenSink(optionalString: "")),
    ("bytesValue", "-_8", KitchenSink(bytesValue: [0xFB, 0xFF])),
    ("colour", "GREEN", KitchenSink(colour: .green)),
    ("time", "1970-01-01T00:00:01Z", KitchenSink(time: Timestamp(seconds: 1))),
    ("span", "3.5s", KitchenSink(span: ProtoDuration(seconds: 3, nanos: 500_000_000))),
    ("mask", "createTime,a.b", KitchenSink(mask: FieldMask(paths: ["create_time", "a.b"]))),
    ("choiceText", "x", KitchenSink(choice: .choiceText("x"))),
  ])
  func aFieldIsSetFromText(_ path: String, _ text: String, _ expected: KitchenSink) throws {
    var message = KitchenSink()
    try message.setField(path, text: text)
    #expect(message == expected)
  }

  @Test func otherFieldsAreLeftAlone() throws {
    var message = KitchenSink(stringValue: "kept", nested: .init(name: "kept"))
    try message.setField("int32Value", text: "1")
    #expect(
      message == KitchenSink(int32Value: 1, stringValue: "kept", nested: .init(name: "kept")))
  }

  @Test(arguments: [
    ("int32Value", "x"), ("int32Value", ""), ("int32Value", "2147483648"), ("boolValue", "yes"),
    ("boolValue", "1"), ("colour", "PURPLE"), ("time", "now"), ("nested", "{}"),
  ])
  func textThatTheFieldCannotHoldIsRefused(_ path: String, _ text: String) {
    var message = KitchenSink()
    let error = #expect(throws: MessageError.self) { try message.setField(path, text: text) }
    #expect(error?.field == path)
    #expect(message == KitchenSink())
  }

  @Test func unknownFieldsAreRefused() {
    var message = KitchenSink()
    #expect(throws: MessageError.unknownField("nope")) {
      try message.setField("nope", text: "1")
    }
  }
}
