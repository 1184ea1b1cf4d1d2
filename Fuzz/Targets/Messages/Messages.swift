import Fuzzing
import Protobuf
import ServiceAPI
import TestMessages

/// The wire format of a few messages that together have every kind of field.
@main
enum MessagesTarget: FuzzTarget {
  static func test(_ input: inout Input) {
    switch input.choice(of: 8) {
    case 0: check(TestAPI.KitchenSink.self, input.remaining())
    case 1: check(Struct.self, input.remaining())
    case 2: check(AuditAPI.AppendEventsRequest.self, input.remaining())
    case 3: check(AuthAPI.AuthenticateResponse.self, input.remaining())
    case 4: check(IdentityAPI.SignedAssertion.self, input.remaining())
    case 5: check(VaultAPI.ListProviderConfigsResponse.self, input.remaining())
    case 6: check(FieldMask.self, input.remaining())
    default: check(AnyMessage.self, input.remaining())
    }
  }
}

private func check<M: Message>(_ type: M.Type, _ bytes: [UInt8]) {
  guard let message = try? M(unpacking: bytes) else { return }
  let packed = message.packed()
  let again = requireNoError("what was packed can be unpacked") {
    // As long as it was, unknown fields and all: length decides how much memory it may take.
    try M(unpacking: packed + UnknownField.bytes(bytes.count))
  }
  // Bytes, not messages: NaN isn't itself.
  require(again.packed() == packed, "the second round changes nothing")
  let json = message.json()
  do throws(MessageError) {
    _ = try JSONParser.parse(json)
  } catch {
    // A list of messages is one level on the wire and two in JSON.
    require(error == .nestedTooDeep, "what is written is JSON: \(error)")
  }
  // Values that JSON can't say, such as a time in the year 20,000, change on their first way only.
  guard let read = try? M(json: json), let reread = try? M(json: read.json()) else { return }
  require(reread.json() == read.json(), "the second round through JSON changes nothing")
}

private enum UnknownField {
  /// Field 19,000, which no message can have, with wire type 2.
  private static let tag: [UInt8] = [0xC2, 0xA3, 0x09]

  static func bytes(_ count: Int) -> [UInt8] {
    let low = UInt8(truncatingIfNeeded: count & 0x7F) | 0x80
    let high = UInt8(truncatingIfNeeded: count >> 7 & 0x7F)
    return tag + [low, high] + [UInt8](repeating: 0, count: count & 0x3FFF)
  }
}
