import HTTPTypes
import RPC

/// The trace that a request belongs to: what is called for it inherits it, and the log names it.
///
/// Anybody is believed about it, unlike about a request's id, which receipts keep: a trace id is no
/// secret, nothing rests on it, and it can't be anything but 32 digits. The worst that a stranger
/// does with one is to file their own requests under another's trace.
final class RequestTrace: CallParent {
  let trace: TraceContext?
  /// The calls' own deadlines are enough.
  let deadline: Deadline? = nil

  /// Goes on with what `traceparent` and `tracestate` say; begins a trace where they say nothing, or
  /// not what W3C Trace Context allows.
  init(_ headers: HTTPFields) {
    trace = Self.given(by: headers) ?? .root()
  }

  private static func given(by headers: HTTPFields) -> TraceContext? {
    guard headers.contains(.traceParent) else { return nil }
    var metadata = Metadata()
    do {
      for name in [HTTPField.Name.traceParent, .traceState] {
        for value in headers[values: name] {
          try metadata.append(value, forKey: name.canonicalName)
        }
      }
    } catch {
      return nil
    }
    return TraceContext(metadata)
  }
}
