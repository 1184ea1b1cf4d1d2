import Protobuf
import Testing

@Suite struct JSONMappingTests {
  @Test func everyKindOfFieldSurvivesTheRoundTrip() throws {
    #expect(try KitchenSink(json: KitchenSink.full.json()) == .full)
  }

  @Test func randomMessagesSurviveTheRoundTrip() throws {
    var random = SeededGenerator(seed: 5)
    for _ in 0..<200 {
      let message = KitchenSink.random(using: &random)
      #expect(try KitchenSink(json: message.json()) == message)
    }
  }

  @Test func fieldsWithoutPresenceAreWrittenAtTheirDefault() {
    let text = String(decoding: KitchenSink().json(), as: UTF8.self)
    for member in [
      #""doubleValue":0"#, #""int32Value":0"#, #""int64Value":"0""#, #""boolValue":false"#,
      #""stringValue":"""#, #""bytesValue":"""#, #""colour":"COLOUR_UNSPECIFIED""#,
      #""repeatedInt32":[]"#, #""stringMap":{}"#,
    ] {
      #expect(text.contains(member))
    }
    for absent in ["nested\"", "optionalInt32", "choice", "time\"", "null"] {
      #expect(!text.contains(absent))
    }
  }

  @Test func valuesAreWrittenAsTheMappingSays() {
    let message = KitchenSink(
      floatValue: .infinity, int64Value: -5, uint64Value: .max, stringValue: "</\u{2028}\u{1}",
      bytesValue: [0xFB, 0xFF], colour: .unrecognized(9), repeatedDouble: [.nan, 1e300],
      bytesMap: [7: [1]])
    let text = String(decoding: message.json(), as: UTF8.self)
    for member in [
      #""floatValue":"Infinity""#, #""int64Value":"-5""#,
      #""uint64Value":"18446744073709551615""#, #""bytesValue":"+/8=""#, #""colour":9"#,
      #""repeatedDouble":["NaN",1e+300]"#, #""bytesMap":{"7":"AQ=="}"#, #"\u003c/"#, #"\u0001"#,
    ] {
      #expect(text.contains(member))
    }
  }

  @Test(arguments: [
    (#"{"int32Value":5}"#, KitchenSink(int32Value: 5)),
    (#"{"int32_value":5}"#, KitchenSink(int32Value: 5)),
    (#"{"int32Value":"5"}"#, KitchenSink(int32Value: 5)),
    (#"{"int32Value":5.0}"#, KitchenSink(int32Value: 5)),
    (#"{"int32Value":1e3}"#, KitchenSink(int32Value: 1000)),
    (#"{"int32Value":-2147483648}"#, KitchenSink(int32Value: .min)),
    (#"{"int64Value":"9223372036854775807"}"#, KitchenSink(int64Value: .max)),
    (#"{"int64Value":9007199254740993}"#, KitchenSink(int64Value: 9_007_199_254_740_993)),
    (#"{"int64Value":9007199254740993.0}"#, KitchenSink(int64Value: 9_007_199_254_740_993)),
    (#"{"uint64Value":18446744073709551615}"#, KitchenSink(uint64Value: .max)),
    (#"{"doubleValue":"1.5"}"#, KitchenSink(doubleValue: 1.5)),
    (#"{"doubleValue":1}"#, KitchenSink(doubleValue: 1)),
    (#"{"doubleValue":"-Infinity"}"#, KitchenSink(doubleValue: -.infinity)),
    (#"{"bytesValue":"-_8"}"#, KitchenSink(bytesValue: [0xFB, 0xFF])),
    (#"{"bytesValue":"+/8="}"#, KitchenSink(bytesValue: [0xFB, 0xFF])),
    (#"{"colour":"GREEN"}"#, KitchenSink(colour: .green)),
    (#"{"colour":5}"#, KitchenSink(colour: .green)),
    (#"{"colour":-77}"#, KitchenSink(colour: .unrecognized(-77))),
    (#"{"int32Value":null,"nested":null,"repeatedInt32":null,"stringMap":null}"#, KitchenSink()),
    (#"{"optionalInt32":null,"time":null,"choiceText":null}"#, KitchenSink()),
    (#"{"choiceText":null,"choiceNumber":"1"}"#, KitchenSink(choice: .choiceNumber(1))),
    (#"{"optionalInt32":0}"#, KitchenSink(optionalInt32: 0)),
    (#"{"nestedMap":{"-5":{"name":"x"}}}"#, KitchenSink(nestedMap: [-5: .init(name: "x")])),
    (#"{"nothing":{}}"#, KitchenSink(nothing: Empty())),
    (#"{"anything":{"a":null}}"#, KitchenSink(anything: Struct(fields: ["a": .null]))),
  ])
  func jsonIsRead(_ text: String, _ message: KitchenSink) throws {
    #expect(try KitchenSink(json: Array(text.utf8)) == message)
  }

  @Test(arguments: [
    (#"{"int32Value":2147483648}"#, "int32Value"), (#"{"int32Value":1.5}"#, "int32Value"),
    (#"{"int32Value":""}"#, "int32Value"), (#"{"int32Value":" 1"}"#, "int32Value"),
    (#"{"int32Value":"+1"}"#, "int32Value"), (#"{"int32Value":"0x10"}"#, "int32Value"),
    (#"{"int32Value":"01"}"#, "int32Value"), (#"{"int32Value":true}"#, "int32Value"),
    (#"{"uint32Value":-1}"#, "uint32Value"),
    (#"{"uint64Value":18446744073709551616}"#, "uint64Value"),
    (#"{"int64Value":1e400}"#, "int64Value"), (#"{"doubleValue":1e400}"#, "doubleValue"),
    (#"{"doubleValue":"1e400"}"#, "doubleValue"), (#"{"floatValue":1e39}"#, "floatValue"),
    (#"{"doubleValue":"0x1p3"}"#, "doubleValue"), (#"{"doubleValue":"nan"}"#, "doubleValue"),
    (#"{"doubleValue":"+1"}"#, "doubleValue"), (#"{"doubleValue":"1."}"#, "doubleValue"),
    (#"{"doubleValue":""}"#, "doubleValue"), (#"{"boolValue":"true"}"#, "boolValue"),
    (#"{"boolValue":1}"#, "boolValue"), (#"{"stringValue":1}"#, "stringValue"),
    (#"{"bytesValue":"A"}"#, "bytesValue"), (#"{"bytesValue":"AB=C"}"#, "bytesValue"),
    (#"{"bytesValue":"AA==="}"#, "bytesValue"), (#"{"bytesValue":"A A="}"#, "bytesValue"),
    (#"{"colour":"PURPLE"}"#, "colour"), (#"{"colour":1.5}"#, "colour"),
    (#"{"repeatedInt32":1}"#, "repeatedInt32"),
    (#"{"repeatedInt32":[1,null]}"#, "repeatedInt32[1]"),
    (#"{"nested":[]}"#, "nested"), (#"{"nested":{"name":5}}"#, "nested.name"),
    (#"{"nested":{"children":[{},{"name":1}]}}"#, "nested.children[1].name"),
    (#"{"stringMap":{"k":1}}"#, "stringMap.k"), (#"{"nestedMap":{"x":{}}}"#, "nestedMap.x"),
    (#"{"nestedMap":{"1":null}}"#, "nestedMap.1"),
    (#"{"time":"yesterday"}"#, "time"), (#"{"times":["2026-01-01T00:00:00Z",1]}"#, "times[1]"),
    (#"{"choiceText":"a","choiceFlag":true}"#, "choiceFlag"),
    (#"{"int32Value":1,"int32_value":2}"#, "int32_value"),
    (#"{"nestedMap":{"1":{},"1.0":{}}}"#, "nestedMap.1.0"),
  ])
  func whatAFieldCannotHoldIsRefusedAndTheFieldNamed(_ text: String, _ field: String) {
    let error = #expect(throws: MessageError.self) { try KitchenSink(json: Array(text.utf8)) }
    guard case .invalidField(field, _) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test func unknownFieldsAreRefusedWithTheirPath() {
    #expect(throws: MessageError.unknownField("nope")) {
      try KitchenSink(json: Array(#"{"nope":1}"#.utf8))
    }
    #expect(throws: MessageError.unknownField("nested.children[0].nope")) {
      try KitchenSink(json: Array(#"{"nested":{"children":[{"nope":1}]}}"#.utf8))
    }
  }

  @Test(arguments: ["[]", "1", "\"a\"", "null"])
  func aMessageIsAnObject(_ text: String) {
    #expect(throws: MessageError.self) { try KitchenSink(json: Array(text.utf8)) }
  }
}
