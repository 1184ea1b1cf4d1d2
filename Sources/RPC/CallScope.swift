/// What calls made by a handler inherit from the call that it answers.
package enum CallScope {
  /// The deadline of the inbound call whose handler is running.
  @TaskLocal package static var deadline: Deadline?
  /// The trace of that call; set by `TracingInterceptor`.
  @TaskLocal package static var trace: TraceContext?
}

extension CallOptions {
  /// The earlier of the caller's own deadline and that of the call it is answering.
  package var effectiveDeadline: Deadline {
    CallScope.deadline.map { min($0, deadline) } ?? deadline
  }
}
