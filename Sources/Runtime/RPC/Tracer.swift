import Glibc
package import NIOCore

/// One unit of work that has ended, as a collector of traces gets it.
package struct Span: Sendable {
  package enum Kind: Sendable { case server, client }

  /// Its own ids, and of whom it is a part.
  package let context: TraceContext
  package let name: String
  package let kind: Kind
  /// Nanoseconds since 1970.
  package let start: UInt64
  package let end: UInt64
  package let isError: Bool
  /// By OpenTelemetry's conventions; never a secret, a query or an address of a person.
  package let attributes: [SpanAttribute]
}

/// Something that a span says, by a name of OpenTelemetry's conventions.
package struct SpanAttribute: Sendable, Hashable {
  /// Collectors keep the two apart: a status is a number.
  package enum Value: Sendable, Hashable {
    case text(String)
    case number(Int64)
  }

  package let name: String
  package let value: Value

  package init(_ name: String, _ text: String) {
    (self.name, value) = (name, .text(text))
  }

  package init(_ name: String, _ number: Int) {
    (self.name, value) = (name, .number(Int64(number)))
  }
}

/// Takes spans; must neither wait nor keep more of them than it has room for.
package protocol SpanSink: AnyObject, Sendable {
  func take(_ span: Span)
}

/// Decides which traces are recorded, and hands their spans over.
package final class Tracer: Sendable {
  /// Which traces are recorded.
  package struct Sampler: Sendable, Hashable {
    /// The share of traces that begin here, from 0 to 1.
    package let ratio: Double
    /// Whether whoever began a trace has decided about it.
    package let followsParent: Bool

    package init(ratio: Double, followsParent: Bool) {
      self.ratio = min(1, max(0, ratio))
      self.followsParent = followsParent
    }

    /// The same answer for one trace in every process.
    func samples(_ id: TraceID) -> Bool {
      guard ratio < 1 else { return true }
      return Double(id.low >> 11) < ratio * Double(1 << 53)
    }
  }

  private let sampler: Sampler
  private let sink: any SpanSink

  package init(_ sampler: Sampler, sink: any SpanSink) {
    self.sampler = sampler
    self.sink = sink
  }

  /// The span of work that somebody asked for: part of their trace if they brought one.
  package func serverContext(_ parent: TraceContext?) -> TraceContext {
    guard let parent else { return clientContext(nil) }
    let isSampled = sampler.followsParent ? parent.isSampled : sampler.samples(parent.traceID)
    guard isSampled || parent.isSampled else { return parent }
    return parent.child(isSampled: isSampled)
  }

  /// The span of something that is asked of others.
  package func clientContext(_ parent: TraceContext?) -> TraceContext {
    if let parent { return parent.child() }
    let root = TraceContext.root()
    return sampler.samples(root.traceID) ? root.sampled() : root
  }

  /// Hands the span over if its trace is recorded.
  package func end(
    _ context: TraceContext, _ kind: Span.Kind, started: NIODeadline, isError: Bool,
    name: @autoclosure () -> String,
    _ attributes: @autoclosure () -> [SpanAttribute]
  ) {
    guard context.isSampled else { return }
    let end = Self.now()
    let nanoseconds = UInt64(clamping: (NIODeadline.now() - started).nanoseconds)
    sink.take(
      Span(
        context: context, name: name(), kind: kind, start: end &- min(nanoseconds, end), end: end,
        isError: isError, attributes: attributes()))
  }

  private static func now() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return UInt64(clamping: time.tv_sec) * 1_000_000_000 + UInt64(clamping: time.tv_nsec)
  }
}

extension MethodDescriptor {
  /// What OpenTelemetry's conventions say of a call.
  func spanAttributes(_ code: RPCError.Code) -> [SpanAttribute] {
    [
      SpanAttribute("rpc.system", "grpc"), SpanAttribute("rpc.service", service),
      SpanAttribute("rpc.method", method), SpanAttribute("rpc.grpc.status_code", code.rawValue),
    ]
  }
}
