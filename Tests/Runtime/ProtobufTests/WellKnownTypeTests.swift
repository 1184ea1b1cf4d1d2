import Foundation
import Protobuf
import Testing

@Suite struct WellKnownTypeTests {
  @Test(arguments: [
    ("1970-01-01T00:00:00Z", Timestamp()),
    ("1969-12-31T23:59:59.999999999Z", Timestamp(seconds: -1, nanos: 999_999_999)),
    ("0001-01-01T00:00:00Z", Timestamp(seconds: -62_135_596_800)),
    ("9999-12-31T23:59:59.999999999Z", Timestamp(seconds: 253_402_300_799, nanos: 999_999_999)),
    ("2000-02-29T12:34:56.100Z", Timestamp(seconds: 951_827_696, nanos: 100_000_000)),
    ("2026-01-31T12:00:00.000001Z", Timestamp(seconds: 1_769_860_800, nanos: 1000)),
  ])
  func timesAreRFC3339(_ text: String, _ timestamp: Timestamp) {
    #expect(Timestamp(text) == timestamp)
    #expect(timestamp.text == text)
  }

  @Test(arguments: [
    ("1970-01-01T01:00:00+01:00", 0), ("1969-12-31T14:30:00-09:30", 0),
    ("1970-01-01t00:00:01z", 1), ("1970-01-01T00:00:00.0Z", 0),
  ])
  func otherFormsOfATimeAreRead(_ text: String, _ seconds: Int64) {
    #expect(Timestamp(text) == Timestamp(seconds: seconds))
  }

  @Test(arguments: [
    "", "1970-01-01", "1970-01-01T00:00:00", "1970-01-01 00:00:00Z", "1970-1-1T00:00:00Z",
    "1970-13-01T00:00:00Z", "1970-00-01T00:00:00Z", "1970-02-29T00:00:00Z", "1900-02-29T00:00:00Z",
    "1970-01-32T00:00:00Z", "1970-01-00T00:00:00Z", "1970-01-01T24:00:00Z", "1970-01-01T00:60:00Z",
    "1970-01-01T00:00:60Z", "0000-01-01T00:00:00Z", "0001-01-01T00:00:00+01:00",
    "9999-12-31T23:59:59-01:00", "10000-01-01T00:00:00Z", "-001-01-01T00:00:00Z",
    "1970-01-01T00:00:00.Z", "1970-01-01T00:00:00.0000000001Z", "1970-01-01T00:00:00+24:00",
    "1970-01-01T00:00:00+1:00", "1970-01-01T00:00:00.\u{663}Z", " 1970-01-01T00:00:00Z",
    "1970-01-01T00:00:00Z\n",
  ])
  func whatIsNotATimeIsRefused(_ text: String) {
    #expect(Timestamp(text) == nil)
  }

  @Test func aTimeOutsideItsRangeStillHasAText() {
    // Peers can send anything in the two numbers; what we write must stay RFC 3339.
    for (seconds, nanos) in [
      (Int64.min, Int32.min), (.max, .max), (0, -1), (0, 1_000_000_000), (-62_135_596_801, 0),
    ] {
      let text = Timestamp(seconds: seconds, nanos: nanos).text
      #expect(Timestamp(text) != nil, "\(text)")
    }
  }

  @Test(
    arguments: [
      (-62_135_596_801, 0, "time.seconds"), (253_402_300_800, 0, "time.seconds"),
      (.min, 0, "time.seconds"), (.max, 0, "time.seconds"), (0, -1, "time.nanos"),
      (0, 1_000_000_000, "time.nanos"), (0, .min, "time.nanos"),
    ] as [(Int64, Int32, String)])
  func aTimeOutsideItsRangeIsNotUnpacked(_ seconds: Int64, _ nanos: Int32, _ field: String) {
    let packed = KitchenSink(time: Timestamp(seconds: seconds, nanos: nanos)).packed()
    let error = #expect(throws: MessageError.self) { try KitchenSink(unpacking: packed) }
    #expect(error?.field == field)
  }

  @Test(
    arguments: [
      (315_576_000_001, 0, "span.seconds"), (-315_576_000_001, 0, "span.seconds"),
      (.min, 0, "span.seconds"), (0, 1_000_000_000, "span.nanos"),
      (0, -1_000_000_000, "span.nanos"), (1, -1, "span.nanos"), (-1, 1, "span.nanos"),
    ] as [(Int64, Int32, String)])
  func aDurationOutsideItsRangeIsNotUnpacked(_ seconds: Int64, _ nanos: Int32, _ field: String) {
    let packed = KitchenSink(span: ProtoDuration(seconds: seconds, nanos: nanos)).packed()
    let error = #expect(throws: MessageError.self) { try KitchenSink(unpacking: packed) }
    #expect(error?.field == field)
  }

  @Test(arguments: [-Double.infinity, -1e300, .nan, 1e300, .infinity])
  func aDateOutsideTheRangeBecomesItsLimit(_ interval: Double) throws {
    let timestamp = Timestamp(Date(timeIntervalSince1970: interval))
    #expect(timestamp.seconds == (interval < 0 ? -62_135_596_800 : 253_402_300_799))
    #expect(try Timestamp(unpacking: timestamp.packed()) == timestamp)
  }

  @Test func datesAreConverted() {
    let timestamp = Timestamp(seconds: 1_700_000_000, nanos: 123_456_000)
    #expect(Timestamp(timestamp.date) == timestamp)
    #expect(
      Timestamp(Date(timeIntervalSince1970: -0.5)) == Timestamp(seconds: -1, nanos: 500_000_000))
  }

  @Test(
    arguments: [
      ("0s", 0, 0), ("3.500s", 3, 500_000_000), ("-0.500s", 0, -500_000_000),
      ("-3.000000001s", -3, -1), ("315576000000s", 315_576_000_000, 0), ("0.000001s", 0, 1000),
    ] as [(String, Int64, Int32)])
  func durationsAreSeconds(_ text: String, _ seconds: Int64, _ nanos: Int32) throws {
    let duration = ProtoDuration(seconds: seconds, nanos: nanos)
    #expect(String(decoding: duration.json(), as: UTF8.self) == "\"\(text)\"")
    #expect(try KitchenSink(json: Array("{\"span\":\"\(text)\"}".utf8)).span == duration)
  }

  @Test(arguments: [
    "", "s", "3", "3.s", ".5s", "+3s", "3.0000000001s", "315576000001s", "-315576000001s", "1e3s",
    "--3s", " 3s", "3 s", "3S", "3.\u{663}s", "99999999999999999999s",
  ])
  func whatIsNotADurationIsRefused(_ text: String) {
    #expect(throws: MessageError.self) {
      try KitchenSink(json: Array("{\"span\":\"\(text)\"}".utf8))
    }
  }

  @Test func durationsOfSwiftAreConverted() {
    #expect(ProtoDuration(.milliseconds(-1500)) == ProtoDuration(seconds: -1, nanos: -500_000_000))
    #expect(ProtoDuration(seconds: 2, nanos: 5).duration == .seconds(2) + .nanoseconds(5))
    #expect(ProtoDuration(seconds: .max).duration <= .seconds(315_576_000_000))
  }

  @Test func fieldMasksAreLowerCamelPaths() throws {
    let mask = FieldMask(paths: ["base_url", "create_time.nanos"])
    #expect(String(decoding: mask.json(), as: UTF8.self) == #""baseUrl,createTime.nanos""#)
    let read = try KitchenSink(json: Array(#"{"mask":"baseUrl,createTime.nanos"}"#.utf8)).mask
    #expect(read == mask)
    #expect(try KitchenSink(json: Array(#"{"mask":""}"#.utf8)).mask == FieldMask())
    #expect(throws: MessageError.self) {
      try KitchenSink(json: Array(#"{"mask":"base_url"}"#.utf8))
    }
  }

  @Test func structsAreAnyJSON() throws {
    let text = #"{"a":[1,null,true,{"b":"c"}],"n":-0.5}"#
    let value = try Struct(json: Array(text.utf8))
    #expect(String(decoding: value.json(), as: UTF8.self) == text)
    #expect(try Struct(unpacking: value.packed()) == value)
  }

  @Test func minusZeroInAStructKeepsItsSign() throws {
    let value = Struct(fields: ["n": .number(-0.0)])
    #expect(try Struct(json: value.json()).packed() == value.packed())
  }

  @Test func anyKnowsWhatItHolds() throws {
    let any = AnyMessage(packing: Timestamp(seconds: 5))
    #expect(any.typeURL == "type.googleapis.com/google.protobuf.Timestamp")
    #expect(try any.unpacked(as: Timestamp.self) == Timestamp(seconds: 5))
    #expect(try any.unpacked(as: Empty.self) == nil)
  }
}
