/// Reads the trace of a call, or begins one, for its log line and for the calls that its handler
/// makes in turn: they find it in `CallScope.trace`.
package final class TracingInterceptor: ServerInterceptor {
  package init() {}

  package func callBegins(_ context: ServerContext) {
    context.trace = TraceContext(context.metadata) ?? .root()
  }
}
