-- Which master keys each running vault holds: a rotation waits until all have the new one.
CREATE TABLE key_holders (
  instance uuid PRIMARY KEY,
  current_kek_id text NOT NULL,
  -- The current one first.
  kek_ids text[] NOT NULL,
  -- When the vault last said so; one that is silent for long has ended.
  seen_time timestamptz NOT NULL
);

-- Every rotation, and how far it has come; one at a time is under way.
CREATE TABLE key_rotations (
  id uuid PRIMARY KEY,
  kind text NOT NULL CHECK (kind IN ('rewrap', 'reseal')),
  -- The master key that everything comes under.
  kek_id text NOT NULL REFERENCES key_encryption_keys (id),
  start_time timestamptz NOT NULL,
  end_time timestamptz,
  rows_total bigint NOT NULL,
  rows_done bigint NOT NULL DEFAULT 0,
  rows_failed bigint NOT NULL DEFAULT 0,
  -- The run that does the work, and until when nobody else may take it over.
  runner uuid NOT NULL,
  lease_time timestamptz NOT NULL
);
CREATE UNIQUE INDEX key_rotations_open ON key_rotations ((true)) WHERE end_time IS NULL;

-- A user's keys, also those that seal nothing new: what a rotation seals anew.
CREATE INDEX data_keys_user ON data_keys (user_id);

GRANT SELECT, INSERT, UPDATE, DELETE ON key_holders TO vault;
GRANT SELECT, INSERT, UPDATE ON key_rotations TO vault;
GRANT DELETE ON data_keys TO vault;
