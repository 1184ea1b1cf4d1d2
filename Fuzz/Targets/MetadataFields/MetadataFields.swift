import Encodings
import Fuzzing
import Pacing
import RPC

/// The texts of header fields: metadata, its binary form, `grpc-message` and `grpc-timeout`.
@main
enum MetadataFieldsTarget: FuzzTarget {
  static func test(_ input: inout Input) {
    switch input.choice(of: 6) {
    case 0: ReceivedFields.check(&input)
    case 1: OwnPairs.check(&input)
    case 2: FieldTexts.checkBinary(input.remaining())
    case 3: FieldTexts.checkPercent(input.remaining())
    case 4: Timeouts.check(&input)
    default: Statuses.check(&input)
    }
  }
}

extension Metadata {
  /// What the peer of `self`'s sender makes of it.
  fileprivate func received() -> Metadata {
    var received = Metadata()
    forEachField { name, value in
      requireNoError("what we send is metadata") {
        try received.appendField(name: name, value: value)
      }
    }
    return received
  }
}

private enum ReceivedFields {
  private static let nameBytes = Array("abcdefghijklmnopqrstuvwxyz0123456789-_.:".utf8)

  /// A name that nghttp2 lets through: it refuses what isn't a lower-case token.
  private static func name(_ bytes: [UInt8]) -> [UInt8] {
    bytes.map { nameBytes.contains($0) ? $0 : nameBytes[Int($0) % nameBytes.count] }
  }

  static func check(_ input: inout Input) {
    var metadata = Metadata()
    while !input.isEmpty {
      let name = name(input.shortBytes())
      let value = input.shortBytes()
      name.withUnsafeBytes { name in
        value.withUnsafeBytes { value in
          try? metadata.appendField(name: name, value: value)
        }
      }
    }
    require(metadata.received() == metadata, "received metadata can be passed on as it is")
    for entry in metadata.entries {
      require(!entry.key.hasPrefix("grpc-"), "the protocol's own fields are no metadata")
      switch entry.value {
      case .ascii: require(metadata[entry.key] != nil, "an entry is found by its key")
      case .binary: require(metadata.bytes(entry.key) != nil, "a binary entry too")
      }
    }
  }
}

private enum OwnPairs {
  static func check(_ input: inout Input) {
    var metadata = Metadata()
    var count = 0
    while !input.isEmpty {
      let key = String(decoding: input.shortBytes(), as: UTF8.self)
      let value = input.shortBytes()
      do throws(MetadataError) {
        if key.hasSuffix("-bin") {
          try metadata.append(value, forKey: key)
        } else {
          try metadata.append(String(decoding: value, as: UTF8.self), forKey: key)
        }
        count += 1
      } catch {
        continue
      }
    }
    require(metadata.entries.count == count, "every accepted pair is an entry")
    let received = metadata.received()
    // The protocol's own names are accepted from a caller and go nowhere.
    require(received.entries.count <= count, "a peer gets no pair that was not sent")
    require(received.received() == received, "what arrives arrives again")
  }
}

private enum FieldTexts {
  static func checkBinary(_ bytes: [UInt8]) {
    let text = Base64.standard.digits(of: bytes)
    require(decode(text) == bytes, "bytes come back")
    let padding = [UInt8](repeating: UInt8(ascii: "="), count: (4 - text.count % 4) % 4)
    require(decode(text + padding) == bytes, "padding makes no difference")
    guard let decoded = decode(bytes) else { return }
    require(decode(Base64.standard.digits(of: decoded)) == decoded, "decoded bytes come back")
  }

  private static func decode(_ digits: [UInt8]) -> [UInt8]? {
    digits.withUnsafeBytes { Base64.standard.decode($0, padding: .optional) }
  }

  static func checkPercent(_ bytes: [UInt8]) {
    let text = bytes.withUnsafeBytes { PercentCoding.decodeLeniently($0) }
    let encoded = PercentCoding.bytes(of: text, keeping: .visible)
    require(encoded.allSatisfy { (0x20...0x7E).contains($0) }, "a header field can carry it")
    let decoded = encoded.withUnsafeBytes { PercentCoding.decodeLeniently($0) }
    require(decoded.utf8.elementsEqual(text.utf8), "text comes back")
  }
}

private enum Timeouts {
  static func check(_ input: inout Input) {
    let seconds = input.integer(Int64.self) >> (input.byte() & 63)
    let attoseconds = Int64(input.integer(UInt64.self) % 1_000_000_000_000_000_000)
    checkEncoded(Duration(secondsComponent: seconds, attosecondsComponent: attoseconds))
    guard let timeout = TimeoutField.decode(input.remaining()) else { return }
    require(timeout >= .zero, "a timeout is not in the past")
    checkEncoded(timeout)
  }

  private static func checkEncoded(_ timeout: Duration) {
    let text = TimeoutField.encode(timeout)
    require(text.count <= 9, "eight digits and a unit")
    let decoded = TimeoutField.decode(text)
    require(decoded != nil, "a timeout can be read")
    require(
      decoded ?? .zero >= .nanoseconds(timeout.nanosecondsClamped), "a peer never gives up early")
  }
}

private enum Statuses {
  static func check(_ input: inout Input) {
    let status = input.shortBytes()
    let message = input.shortBytes().withUnsafeBytes { PercentCoding.decodeLeniently($0) }
    let error = status.withUnsafeBytes {
      RPCError.decode(status: $0, message: message, details: input.remaining())
    }
    let isNumber = !status.isEmpty && status.allSatisfy { (0x30...0x39).contains($0) }
    require(error != nil || isNumber, "what is no number is not OK")
    guard let error, let details = StatusDetails.encode(error) else { return }
    require(StatusDetails.decode(details) == error.details, "details can be passed on as they are")
  }
}
