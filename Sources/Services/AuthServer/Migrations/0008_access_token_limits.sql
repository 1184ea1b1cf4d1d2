ALTER TABLE access_tokens
  -- From where it was last used.
  ADD COLUMN last_use_address text NOT NULL DEFAULT '',
  -- What it is limited to; an empty list sets no limit.
  ADD COLUMN providers text[] NOT NULL DEFAULT '{}',
  ADD COLUMN labels text[] NOT NULL DEFAULT '{}',
  ADD COLUMN models text[] NOT NULL DEFAULT '{}',
  ADD COLUMN networks text[] NOT NULL DEFAULT '{}',
  -- The secret from before the last rotation, and until when it works.
  ADD COLUMN old_token_hash bytea CHECK (octet_length(old_token_hash) = 32),
  ADD COLUMN old_expire_time timestamptz,
  -- What it was derived from, one of the two, and with which it ends.
  ADD COLUMN parent_token_id uuid REFERENCES access_tokens (id) ON DELETE CASCADE,
  ADD COLUMN parent_session_id uuid REFERENCES sessions (id) ON DELETE CASCADE,
  ADD COLUMN depth integer NOT NULL DEFAULT 0;

CREATE UNIQUE INDEX access_tokens_old_hash ON access_tokens (old_token_hash)
  WHERE old_token_hash IS NOT NULL;
CREATE INDEX access_tokens_of_token ON access_tokens (parent_token_id, create_time DESC, id DESC)
  WHERE parent_token_id IS NOT NULL;
CREATE INDEX access_tokens_of_session ON access_tokens (parent_session_id, create_time DESC, id DESC)
  WHERE parent_session_id IS NOT NULL;

-- From where it was used takes nothing away; nor does the end of one that is over.
DROP TRIGGER access_token_changed ON access_tokens;
CREATE TRIGGER access_token_changed AFTER UPDATE ON access_tokens
  FOR EACH ROW WHEN (to_jsonb(OLD) - '{last_use_time,last_use_address}'::text[]
                     <> to_jsonb(NEW) - '{last_use_time,last_use_address}'::text[])
  EXECUTE FUNCTION revoke_credential();
DROP TRIGGER access_token_deleted ON access_tokens;
CREATE TRIGGER access_token_deleted AFTER DELETE ON access_tokens
  FOR EACH ROW WHEN (OLD.expire_time IS NULL OR OLD.expire_time > now())
  EXECUTE FUNCTION revoke_credential();

-- What is over is removed by these, in batches.
CREATE INDEX access_tokens_by_end ON access_tokens (expire_time) WHERE expire_time IS NOT NULL;
CREATE INDEX sessions_by_end ON sessions (expire_time);
CREATE INDEX sessions_by_last_seen ON sessions (last_seen_time);
CREATE INDEX attempts_by_end ON attempts (full_time);
CREATE INDEX log_in_failures_by_time ON log_in_failures (last_time);
GRANT DELETE ON unknown_log_ins TO auth;
-- To lock rows that are to be deleted.
GRANT UPDATE ON links TO auth;
