/// What the calls that are made for some work inherit from it.
///
/// A class, so that handing it to a task is one reference.
package protocol CallParent: AnyObject, Sendable {
  var deadline: Deadline? { get }
  var trace: TraceContext? { get }
}

/// The work that a task does: a handler's is the call that it answers.
package enum CallScope {
  @TaskLocal package static var current: (any CallParent)?

  /// Calls that are made end by then, whatever their own deadline is.
  package static var deadline: Deadline? { current?.deadline }
  /// The trace that they belong to.
  package static var trace: TraceContext? { current?.trace }
}

extension CallOptions {
  /// The earlier of the caller's own deadline and that of the call it is answering.
  package var effectiveDeadline: Deadline {
    CallScope.deadline.map { min($0, deadline) } ?? deadline
  }
}
