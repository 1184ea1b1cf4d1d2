/// Every metric that the services have, in the order of their page and of docs/observability.md.
package enum MetricCatalogue {
  static let droppedSeriesLabel = "metrics.dropped_series"

  package static let all: [MetricDefinition] =
    calls + requests + upstream + database + outbox + log + mail + erasures + limits
    + cryptography + process

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

  private static let requests: [MetricDefinition] = [
    MetricDefinition(
      "http.server.request.duration", "http_server_request_duration_seconds",
      .histogram(.requestSeconds), labels: ["route", "status"],
      "Requests at the gateway until their answer was complete, by the route's template and the "
        + "status's class (2xx)."),
    MetricDefinition(
      "http.server.active_requests", "http_server_active_requests", .gauge,
      "Requests whose answer has not begun."),
  ]

  private static let upstream: [MetricDefinition] = [
    MetricDefinition(
      "upstream.request.duration", "upstream_request_duration_seconds",
      .histogram(.requestSeconds), labels: ["provider", "status"],
      "From a request that is ready for its provider to the head of the answer; status is a class "
        + "(2xx) or what went wrong.")
  ]

  private static let database: [MetricDefinition] = [
    MetricDefinition(
      "postgres.connections", "postgres_connections", .gauge, labels: ["state"],
      "Connections to PostgreSQL: idle, busy, in_transaction or opening."),
    MetricDefinition(
      "postgres.connections.max", "postgres_connections_max", .gauge,
      "Connections that may be open at once (DATABASE_CONNECTIONS_MAX)."),
    MetricDefinition(
      "postgres.waiters", "postgres_waiters", .gauge,
      "Statements and transactions that wait for a connection."),
    MetricDefinition(
      "postgres.storage.full", "postgres_storage_full", .gauge,
      "1 while the database has no room for what is written (SQLSTATE 53100), else 0."),
    MetricDefinition(
      "postgres.statements.in_flight", "postgres_statements_in_flight", .gauge,
      "Statements outside transactions that are not answered."),
    MetricDefinition(
      "postgres.statement.duration", "postgres_statement_duration_seconds",
      .histogram(.statementSeconds), labels: ["operation", "outcome"],
      "From a statement's submission to its answer, waiting included."),
    MetricDefinition(
      "postgres.statements.slow", "postgres_statements_slow_total", .counter,
      "Statements that took longer than SLOW_STATEMENT_MILLISECONDS."),
  ]

  private static let outbox: [MetricDefinition] = [
    MetricDefinition(
      "outbox.receipts", "outbox_receipts", .gauge,
      "Receipts that are not in the audit log yet, counted up to 10,000."),
    MetricDefinition(
      "outbox.oldest_receipt.age", "outbox_oldest_receipt_age_seconds", .gauge,
      "How long the oldest of them has waited."),
    MetricDefinition(
      "outbox.set_aside", "outbox_set_aside_receipts", .gauge,
      "Receipts that the audit log refuses for good, counted up to 10,000."),
    MetricDefinition(
      "outbox.deliveries", "outbox_deliveries_total", .counter, labels: ["outcome"],
      "Looks at the outbox after which nothing waited, or that failed."),
  ]

  private static let log: [MetricDefinition] = [
    MetricDefinition(
      "audit.log.entries", "audit_log_entries", .gauge,
      "Entries in the signed tree, as of the last that this instance added."),
    MetricDefinition(
      "audit.log.damaged", "audit_log_damaged", .gauge,
      "1 while the log can't be signed because it isn't what was signed before."),
  ]

  private static let mail: [MetricDefinition] = [
    MetricDefinition(
      "mail.waiting", "mail_waiting", .gauge,
      "Mails that have not been sent yet, counted up to 10,000."),
    MetricDefinition(
      "mail.oldest.age", "mail_oldest_age_seconds", .gauge,
      "How long the oldest of them has waited."),
    MetricDefinition(
      "mail.attempts", "mail_attempts_total", .counter, labels: ["outcome"],
      "Tries to send a mail: sent, failed and tried again later, refused for good, or expired."),
  ]

  private static let erasures: [MetricDefinition] = [
    MetricDefinition(
      "erasures.waiting", "erasures_waiting", .gauge,
      "Deleted accounts of which vault or audit still have something, counted up to 10,000."),
    MetricDefinition(
      "erasures.oldest.age", "erasures_oldest_age_seconds", .gauge,
      "How long the oldest of them has waited."),
  ]

  private static let limits: [MetricDefinition] = [
    MetricDefinition(
      "limits.refused", "limits_refused_total", .counter, labels: ["limit"],
      "What was refused because a limit was reached, by the limit.")
  ]

  private static let cryptography: [MetricDefinition] = [
    MetricDefinition(
      "cryptography.seals", "cryptography_seals_total", .counter,
      "Fields and keys that were sealed."),
    MetricDefinition(
      "cryptography.opens", "cryptography_opens_total", .counter, labels: ["outcome"],
      "Fields and keys that were opened, or did not open: then they are not what was sealed there."
    ),
    MetricDefinition(
      "vault.data_keys", "vault_data_keys", .gauge,
      "Unwrapped data keys that are held in memory."),
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
      "traces.spans", "traces_spans_total", .counter, labels: ["outcome"],
      "Spans that were exported, dropped because the queue was full, or lost with a failed export."
    ),
    MetricDefinition(
      droppedSeriesLabel, "metrics_dropped_series_total", .counter,
      "Series that were not made because their metric had too many."),
  ]
}
