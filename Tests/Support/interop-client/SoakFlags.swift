import ArgumentParser
import RPCInterop

/// How long and how hard the soak cases call.
struct SoakFlags: ParsableArguments {
  @Option(name: .customLong("soak_iterations"), help: "Calls in all.")
  var iterations = 10
  @Option(name: .customLong("soak_max_failures"), help: "How many of them may fail.")
  var failuresMax = 0
  @Option(name: .customLong("soak_per_iteration_max_acceptable_latency_ms"))
  var latencyMilliseconds = 1000
  @Option(name: .customLong("soak_overall_timeout_seconds"))
  var overallSeconds: Int?
  @Option(name: .customLong("soak_min_time_ms_between_rpcs"))
  var intervalMilliseconds = 0
  @Option(name: .customLong("soak_request_size"), help: "Bytes of payload.")
  var requestBytes = 271_828
  @Option(name: .customLong("soak_response_size"), help: "Bytes of payload.")
  var responseBytes = 314_159
  @Option(name: .customLong("soak_num_threads"), help: "Workers that share the calls.")
  var workers = 1

  var options: SoakOptions {
    var options = SoakOptions()
    options.iterations = iterations
    options.failuresMax = failuresMax
    options.latencyMax = .milliseconds(latencyMilliseconds)
    // The descriptions' default: as long as all calls may take together.
    options.overallTimeout =
      overallSeconds.map { .seconds($0) } ?? options.latencyMax * iterations
    options.intervalMin = .milliseconds(intervalMilliseconds)
    options.requestBytes = requestBytes
    options.responseBytes = responseBytes
    options.workers = workers
    return options
  }
}
