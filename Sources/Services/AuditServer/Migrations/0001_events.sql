-- The audit log. The run-time role may read and add, never change or delete.
--
-- `sequence` counts from 1 without gaps: an append holds an advisory lock while it numbers its
-- events, so appends are committed one after the other in the order of their numbers. (A bigserial
-- would leave a gap at every rollback and show numbers out of order; a gap is what must be noticed.)
CREATE TABLE events (
  sequence bigint PRIMARY KEY CHECK (sequence > 0),
  -- Given by the service that recorded it: a second delivery is known by it.
  id uuid NOT NULL CONSTRAINT events_id UNIQUE,
  time timestamptz NOT NULL,
  append_time timestamptz NOT NULL DEFAULT now(),
  actor_type text NOT NULL,
  actor_id text NOT NULL,
  actor_name text NOT NULL,
  action text NOT NULL,
  target_type text NOT NULL,
  target_id text NOT NULL,
  target_name text NOT NULL,
  outcome smallint NOT NULL CHECK (outcome BETWEEN 1 AND 3),
  ip_address text NOT NULL,
  user_agent text NOT NULL,
  request_id text NOT NULL,
  details jsonb NOT NULL,
  source text NOT NULL,
  -- Null when the event is in nobody's log.
  account_id uuid
);

-- A page of one account's log, newest first, and the same for one action. Other filters are tested
-- on the way: the pages stay in order and no sort is needed.
CREATE INDEX events_page ON events (account_id, time DESC, sequence DESC);
CREATE INDEX events_action_page ON events (account_id, action, time DESC, sequence DESC);

GRANT SELECT, INSERT ON events TO audit;
