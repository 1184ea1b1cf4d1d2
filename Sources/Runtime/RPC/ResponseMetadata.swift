/// Metadata that a handler wants to send beside its messages, and how it wants them sent.
package struct ResponseMetadata: Sendable {
  /// Sent before the first message; changes after that come too late.
  package var initial = Metadata()
  /// Sent with the status, also when the call fails.
  package var trailing = Metadata()
  /// Compress messages that don't say otherwise, if the client understands gzip.
  package var isCompressed = false

  package init() {}
}
