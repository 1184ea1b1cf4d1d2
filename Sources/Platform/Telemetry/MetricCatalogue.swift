/// Every metric that the services have, in the order of their page and of docs/observability.md.
package enum MetricCatalogue {
  static let droppedSeriesLabel = "metrics.dropped_series"

  package static let all: [MetricDefinition] =
    calls + cryptography + process

  private static let calls: [MetricDefinition] = [
    MetricDefinition(
      "grpc.server.call.started", "grpc_server_call_started_total", .counter,
      labels: ["grpc_method"], "Calls that have begun; methods that don't exist are 'other'."),
    MetricDefinition(
      "grpc.server.call.duration", "grpc_server_call_duration_seconds",
      .histogram(.requestSeconds), labels: ["grpc_method", "grpc_status"],
      "From a call's first byte to its status."),
    MetricDefinition(
      "grpc.server.call.sent_total_compressed_message_size",
      "grpc_server_call_sent_message_size_bytes", .histogram(.messageBytes),
      labels: ["grpc_method"], "What a call was answered, as it was on the wire."),
    MetricDefinition(
      "grpc.server.call.rcvd_total_compressed_message_size",
      "grpc_server_call_rcvd_message_size_bytes", .histogram(.messageBytes),
      labels: ["grpc_method"], "What a call brought, as it was on the wire."),
    MetricDefinition(
      "grpc.server.streams", "grpc_server_streams", .gauge, "Streams that are open."),
    MetricDefinition(
      "grpc.server.handlers", "grpc_server_handlers", .gauge, "Handlers that have not ended."),
    MetricDefinition(
      "grpc.server.connections", "grpc_server_connections", .gauge, "Connections of clients."),
    MetricDefinition(
      "grpc.server.resets", "grpc_server_resets_total", .counter, labels: ["by"],
      "Streams that were reset, by the peer or by the server."),
    MetricDefinition(
      "grpc.server.connections_cut", "grpc_server_connections_cut_total", .counter,
      "Connections that were cut because of what the peer did."),
    MetricDefinition(
      "grpc.client.attempt.started", "grpc_client_attempt_started_total", .counter,
      labels: ["grpc_method"], "Calls of other services that have begun."),
    MetricDefinition(
      "grpc.client.attempt.duration", "grpc_client_attempt_duration_seconds",
      .histogram(.requestSeconds), labels: ["grpc_method", "grpc_status"],
      "How long other services took, connecting included."),
    MetricDefinition(
      "grpc.client.attempt.sent_total_compressed_message_size",
      "grpc_client_attempt_sent_message_size_bytes", .histogram(.messageBytes),
      labels: ["grpc_method"], "What calls of other services took along."),
    MetricDefinition(
      "grpc.client.attempt.rcvd_total_compressed_message_size",
      "grpc_client_attempt_rcvd_message_size_bytes", .histogram(.messageBytes),
      labels: ["grpc_method"], "What other services answered."),
  ]

  private static let cryptography: [MetricDefinition] = [
    MetricDefinition(
      "cryptography.seals", "cryptography_seals_total", .counter,
      "Fields and keys that were sealed."),
    MetricDefinition(
      "cryptography.opens", "cryptography_opens_total", .counter, labels: ["outcome"],
      "Fields and keys that were opened, or did not open: then they are not what was sealed there."
    ),
  ]

  private static let process: [MetricDefinition] = [
    MetricDefinition(
      "event_loop.lag", "event_loop_lag_seconds", .histogram(.lagSeconds),
      "How late event loops come to what they should have done, asked twice a second."),
    MetricDefinition(
      "process.resident_memory", "process_resident_memory_bytes", .gauge,
      "Memory that the process has in RAM."),
    MetricDefinition(
      "process.virtual_memory", "process_virtual_memory_bytes", .gauge,
      "Address space of the process."),
    MetricDefinition(
      "process.cpu", "process_cpu_seconds_total", .counter,
      "Processor time that the process has used."),
    MetricDefinition(
      "process.threads", "process_threads", .gauge, "Threads of the process."),
    MetricDefinition(
      "process.open_fds", "process_open_fds", .gauge, "Descriptors that the process has open."),
    MetricDefinition(
      "process.max_fds", "process_max_fds", .gauge, "Descriptors that it may have open."),
    MetricDefinition(
      "process.start_time", "process_start_time_seconds", .gauge,
      "When the process began, in seconds since 1970."),
    MetricDefinition(
      "chatelaine.build", "chatelaine_build_info", .gauge, labels: ["service", "version"],
      "Always 1; its labels say what runs."),
    MetricDefinition(
      "chatelaine.ready", "chatelaine_ready", .gauge, labels: ["check"],
      "1 where the readiness check passed the last time, else 0."),
    MetricDefinition(
      "tls.certificate.expiry", "tls_certificate_expiry_timestamp_seconds", .gauge,
      labels: ["file"],
      "When the certificate or authority in use ends, in seconds since 1970."),
    MetricDefinition(
      droppedSeriesLabel, "metrics_dropped_series_total", .counter,
      "Series that were not made because their metric had too many."),
  ]
}
