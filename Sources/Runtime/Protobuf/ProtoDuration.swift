import CMessages

/// `google.protobuf.Duration`: a signed span of time, `"3.5s"` in JSON.
package struct ProtoDuration: OpaqueJSONMessage, JSONArrayElement {
  /// About 10,000 years, the bound of the protobuf specification.
  private static let secondsMax: Int64 = 315_576_000_000

  package var seconds: Int64
  package var nanos: Int32

  package init(seconds: Int64 = 0, nanos: Int32 = 0) {
    self.seconds = seconds
    self.nanos = nanos
  }

  package init() { self.init(seconds: 0) }

  package init(_ duration: Duration) {
    let (seconds, attoseconds) = duration.components
    self.init(seconds: seconds, nanos: Int32(attoseconds / 1_000_000_000))
  }

  package var duration: Duration {
    .seconds(min(max(seconds, -Self.secondsMax), Self.secondsMax)) + .nanoseconds(Int64(nanos))
  }

  package static let messageName = "google.protobuf.Duration"
  package static let isRecursive = false
  package nonisolated(unsafe) static let descriptor = CField.descriptor(
    google__protobuf__duration__init)

  package init(copying struct: UnsafeRawPointer) throws(MessageError) {
    let c = `struct`.assumingMemoryBound(to: Google__Protobuf__Duration.self)
    let (seconds, nanos) = (c.pointee.seconds, c.pointee.nanos)
    guard (-Self.secondsMax...Self.secondsMax).contains(seconds) else {
      throw .invalidField("seconds", reason: "must be within 10,000 years")
    }
    guard (-Nanos.max...Nanos.max).contains(nanos),
      seconds.signum() * Int64(nanos.signum()) >= 0
    else {
      throw .invalidField(
        "nanos", reason: "must be less than a second, with the sign that the seconds have")
    }
    self.init(seconds: seconds, nanos: nanos)
  }

  package func fill(_ struct: UnsafeMutableRawPointer, in arena: Arena) {
    let c = `struct`.assumingMemoryBound(to: Google__Protobuf__Duration.self)
    c.pointee.seconds = seconds
    c.pointee.nanos = nanos
  }

  package func write(to writer: inout JSONWriter) {
    let sign = seconds < 0 || nanos < 0 ? "-" : ""
    let whole = min(seconds.magnitude, UInt64(Self.secondsMax))
    writer.string("\(sign)\(whole)\(Nanos.text(Int32(clamping: nanos.magnitude)))s")
  }

  package init(json value: JSONValue, field: String) throws(MessageError) {
    guard case .string(let text) = value, text.utf8.count <= 40,
      let match = text.wholeMatch(of: /(-?)([0-9]{1,12})(?:\.([0-9]{1,9}))?s/),
      let seconds = Int64(match.2), seconds <= Self.secondsMax
    else {
      throw .invalidField(field, reason: "must be a duration in seconds such as \"86400s\"")
    }
    let nanos = Nanos.read(match.3)
    self =
      match.1.isEmpty
      ? Self(seconds: seconds, nanos: nanos) : Self(seconds: -seconds, nanos: -nanos)
  }
}
