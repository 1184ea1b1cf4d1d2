-- Receipts on their way to the audit log, each written in the transaction of what it records.
-- `runtime_role` is replaced by the service's run-time role.
CREATE TABLE outbox (
  position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  -- A packed chatelaine.audit.v1.AuditEvent.
  event bytea NOT NULL,
  create_time timestamptz NOT NULL DEFAULT now(),
  -- How often it failed on its own, and when it may be tried again.
  attempts integer NOT NULL DEFAULT 0,
  retry_time timestamptz NOT NULL DEFAULT '-infinity'
) WITH (
  -- Rows live for milliseconds: without frequent vacuuming the index fills with dead entries.
  autovacuum_vacuum_scale_factor = 0,
  autovacuum_vacuum_threshold = 5000,
  autovacuum_vacuum_insert_scale_factor = 0,
  autovacuum_analyze_threshold = 100000
);

-- What the audit log refuses for good: kept for the operator, out of the others' way.
CREATE TABLE outbox_set_aside (
  position bigint PRIMARY KEY,
  event bytea NOT NULL,
  create_time timestamptz NOT NULL,
  set_aside_time timestamptz NOT NULL DEFAULT now(),
  -- Why, in the audit log's words, which never repeat a value.
  problem text NOT NULL
);

GRANT SELECT, INSERT, UPDATE, DELETE ON outbox TO runtime_role;
GRANT SELECT, INSERT ON outbox_set_aside TO runtime_role;
