ALTER TABLE provider_configs
  -- Counts the owner's changes: what an etag says.
  ADD COLUMN version bigint NOT NULL DEFAULT 1,
  -- Names the key: the version that it came with.
  ADD COLUMN key_version bigint NOT NULL DEFAULT 1,
  -- Since when the key isn't used, because the provider has refused it many times in a row.
  ADD COLUMN quarantine_time timestamptz,
  ADD COLUMN note text NOT NULL DEFAULT '' CHECK (octet_length(note) <= 2000),
  ADD COLUMN tags text[] NOT NULL DEFAULT '{}' CHECK (cardinality(tags) <= 10),
  -- From then on the key isn't used.
  ADD COLUMN expire_time timestamptz,
  ADD COLUMN remind_time timestamptz,
  -- The dates of which the owner was told; another date is told of anew.
  ADD COLUMN expire_told timestamptz,
  ADD COLUMN remind_told timestamptz,
  -- What uses tell beside last_status, which is null when no answer ever came.
  ADD COLUMN last_good_time timestamptz,
  ADD COLUMN last_failure_time timestamptz,
  ADD COLUMN last_failure text,
  ADD COLUMN consecutive_failures integer NOT NULL DEFAULT 0;
CREATE INDEX provider_configs_expire ON provider_configs (expire_time)
  WHERE expire_time IS NOT NULL;
CREATE INDEX provider_configs_remind ON provider_configs (remind_time)
  WHERE remind_time IS NOT NULL;

-- Keys that configurations had before, sealed as they were: replaced or deleted by their owners,
-- and destroyed when their time ends. Of a deleted configuration it holds the rest too.
CREATE TABLE former_keys (
  id uuid PRIMARY KEY,
  -- No reference: a deleted configuration is gone.
  config_id uuid NOT NULL,
  user_id uuid NOT NULL,
  provider text NOT NULL,
  label text NOT NULL,
  masked_key text NOT NULL,
  origin text NOT NULL,
  base_url_hint text,
  api_key bytea NOT NULL,
  base_url bytea,
  data_key_id uuid NOT NULL REFERENCES data_keys (id),
  enabled boolean NOT NULL,
  create_time timestamptz NOT NULL,
  update_time timestamptz NOT NULL,
  last_use_time timestamptz,
  version bigint NOT NULL,
  key_version bigint NOT NULL,
  quarantine_time timestamptz,
  note text NOT NULL,
  tags text[] NOT NULL,
  expire_time timestamptz,
  remind_time timestamptz,
  end_time timestamptz NOT NULL,
  destroy_time timestamptz NOT NULL,
  -- The configuration went with it.
  is_deletion boolean NOT NULL
);
CREATE INDEX former_keys_config ON former_keys (user_id, config_id, end_time DESC);
CREATE UNIQUE INDEX former_keys_deletion ON former_keys (config_id) WHERE is_deletion;
CREATE INDEX former_keys_deleted ON former_keys (user_id, end_time DESC) WHERE is_deletion;
CREATE INDEX former_keys_destroy ON former_keys (destroy_time);
CREATE INDEX former_keys_data_key ON former_keys (data_key_id);

-- What owners are to be told by mail; a gateway takes it to auth.
CREATE TABLE key_notices (
  id uuid PRIMARY KEY,
  user_id uuid NOT NULL,
  kind text NOT NULL,
  config_id uuid NOT NULL,
  name text NOT NULL,
  create_time timestamptz NOT NULL,
  -- When it may be taken next; whoever takes it sets it ahead, so that no other does.
  retry_time timestamptz NOT NULL DEFAULT '-infinity'
);
CREATE INDEX key_notices_retry ON key_notices (retry_time);

GRANT SELECT, INSERT, UPDATE, DELETE ON former_keys TO vault;
GRANT SELECT, INSERT, UPDATE, DELETE ON key_notices TO vault;
