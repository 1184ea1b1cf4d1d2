-- Every master key that ever wrapped a data key here, by its id, which is safe to know.
CREATE TABLE key_encryption_keys (
  id text PRIMARY KEY,
  create_time timestamptz NOT NULL DEFAULT now()
);

-- A user's data keys, each wrapped with one key-encryption key.
CREATE TABLE data_keys (
  id uuid PRIMARY KEY,
  user_id uuid NOT NULL,
  kek_id text NOT NULL REFERENCES key_encryption_keys (id),
  wrapped bytea NOT NULL,
  -- Seals new fields; older ones only open what they sealed.
  active boolean NOT NULL DEFAULT true,
  -- AES-256-GCM with random IVs: a key must be replaced before it has sealed 2^32 times.
  seal_count bigint NOT NULL DEFAULT 0 CHECK (seal_count <= 4294967296),
  create_time timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX data_keys_active ON data_keys (user_id) WHERE active;
-- Which master keys are still needed, and what a rotation has to wrap again.
CREATE INDEX data_keys_kek ON data_keys (kek_id, create_time, id);

CREATE TABLE provider_configs (
  id uuid PRIMARY KEY,
  user_id uuid NOT NULL,
  provider text NOT NULL,
  label text NOT NULL,
  masked_key text NOT NULL,
  -- What the sealed fields are bound to: `scheme://host:port`.
  origin text NOT NULL,
  -- The custom endpoint as it may be shown; null where the provider's own is used.
  base_url_hint text,
  -- Sealed fields, in the layout of SealedField.
  api_key bytea NOT NULL,
  base_url bytea,
  data_key_id uuid NOT NULL REFERENCES data_keys (id),
  enabled boolean NOT NULL,
  create_time timestamptz NOT NULL,
  update_time timestamptz NOT NULL,
  last_use_time timestamptz,
  CONSTRAINT provider_configs_label UNIQUE (user_id, provider, label)
);
CREATE INDEX provider_configs_page ON provider_configs (user_id, create_time, id);
CREATE INDEX provider_configs_data_key ON provider_configs (data_key_id);

GRANT SELECT, INSERT ON key_encryption_keys TO vault;
GRANT SELECT, INSERT, UPDATE ON data_keys TO vault;
GRANT SELECT, INSERT, UPDATE, DELETE ON provider_configs TO vault;
