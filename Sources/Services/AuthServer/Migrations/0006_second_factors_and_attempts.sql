-- How often things were tried: a bucket for each, which is full again at `full_time`. Not logged: what
-- a crash forgets, it forgives.
CREATE UNLOGGED TABLE attempts (
  -- The first half of the SHA-256 of what is tried and by whom: no address is in here.
  key       uuid PRIMARY KEY,
  -- Whose forgiveness removes it.
  subject   uuid,
  full_time timestamptz NOT NULL
);

CREATE INDEX attempts_of_subject ON attempts (subject) WHERE subject IS NOT NULL;

-- Wrong passwords for one e-mail address, whether or not somebody has it.
CREATE UNLOGGED TABLE log_in_failures (
  subject   uuid PRIMARY KEY,
  count     integer NOT NULL,
  last_time timestamptz NOT NULL,
  hold_end  timestamptz NOT NULL
);

-- Takes one of each bucket, in order, up to the first that has none left; returns the seconds until
-- it has one. The generic cell rate algorithm: one number for each bucket.
CREATE FUNCTION take_attempts(
  keys uuid[], subjects uuid[], intervals_us bigint[], bursts bigint[], at timestamptz
) RETURNS float8 LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
  step interval;
  wait float8;
BEGIN
  FOR i IN 1 .. cardinality(keys) LOOP
    step := intervals_us[i] * interval '1 microsecond';
    INSERT INTO attempts AS a (key, subject, full_time)
    VALUES (keys[i], nullif(subjects[i], '00000000-0000-0000-0000-000000000000'), at + step)
        ON CONFLICT (key) DO UPDATE SET full_time = greatest(a.full_time, at) + step
     WHERE greatest(a.full_time, at) + step <= at + step * bursts[i];
    IF NOT FOUND THEN
      SELECT extract(epoch FROM a.full_time + step - (at + step * bursts[i])) INTO wait
        FROM attempts AS a WHERE a.key = keys[i];
      RETURN greatest(wait, 0.001);
    END IF;
  END LOOP;
  RETURN NULL;
END
$$;

GRANT SELECT, INSERT, UPDATE, DELETE ON attempts, log_in_failures TO auth;

-- When somebody last proved in this session who they are.
ALTER TABLE sessions ADD COLUMN confirm_time timestamptz;
UPDATE sessions SET confirm_time = create_time;
-- One that a release from before has begun has none: it was confirmed when it began.
DROP TRIGGER session_changed ON sessions;
CREATE TRIGGER session_changed AFTER UPDATE ON sessions
  FOR EACH ROW WHEN (to_jsonb(OLD) - '{last_seen_time,confirm_time}'::text[]
                     <> to_jsonb(NEW) - '{last_seen_time,confirm_time}'::text[])
  EXECUTE FUNCTION revoke_credential();

-- Second factors: what generates codes (RFC 6238).
CREATE TABLE authenticators (
  account_id  uuid PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
  -- Sealed with a key that is not in the database.
  secret      bytea NOT NULL,
  create_time timestamptz NOT NULL,
  -- Null: it was shown, and no code of it has been seen yet.
  enable_time timestamptz,
  -- The time step of the last code that was used: it and those before work no more.
  last_step   bigint NOT NULL DEFAULT 0
);

CREATE TABLE recovery_codes (
  account_id uuid NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  -- SHA-256 of the code's characters.
  code_hash  bytea NOT NULL CHECK (octet_length(code_hash) = 32),
  PRIMARY KEY (account_id, code_hash)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON authenticators, recovery_codes TO auth;
