/// What a caller may choose for one call.
package struct CallOptions: Sendable {
  /// How long a call may take when its caller doesn't say.
  package static let defaultTimeout: Duration = .seconds(10)

  /// Sent with the request. Names ending in `-bin` hold bytes.
  package var metadata: Metadata
  /// When the call must have ended; every call has one.
  package var deadline: Deadline
  /// Waits for a connection instead of failing fast while there is none.
  package var waitForReady: Bool
  /// How requests that don't say otherwise are sent.
  package var encoding: MessageEncoding

  package init(
    metadata: Metadata = Metadata(), timeout: Duration = CallOptions.defaultTimeout,
    waitForReady: Bool = false, encoding: MessageEncoding = .identity
  ) {
    self.metadata = metadata
    self.deadline = .after(timeout)
    self.waitForReady = waitForReady
    self.encoding = encoding
  }
}
