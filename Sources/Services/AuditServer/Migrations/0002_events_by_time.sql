-- The log of everybody, newest first, for auditors.
CREATE INDEX events_by_time ON events (time DESC, sequence DESC);
