/// How long and how hard a soak test calls; the defaults are those of the descriptions.
package struct SoakOptions: Sendable {
  package var iterations = 10
  package var failuresMax = 0
  /// A call that takes longer counts as failed.
  package var latencyMax: Duration = .milliseconds(1000)
  /// Iterations that haven't run by then count as failed.
  package var overallTimeout: Duration = .seconds(10)
  package var intervalMin: Duration = .zero
  package var requestBytes = 271_828
  package var responseBytes = 314_159
  /// Workers that share the iterations.
  package var workers = 1

  package init() {}
}
