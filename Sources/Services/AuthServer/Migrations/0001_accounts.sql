CREATE TABLE accounts (
  id            uuid PRIMARY KEY,
  email         text NOT NULL CHECK (octet_length(email) <= 254),
  -- The address in lower case: what is unique.
  email_key     text NOT NULL,
  display_name  text NOT NULL,
  -- Argon2id, as a PHC string.
  password_hash text NOT NULL,
  create_time   timestamptz NOT NULL,
  CONSTRAINT accounts_email_key_unique UNIQUE (email_key)
);

CREATE TABLE sessions (
  id             uuid PRIMARY KEY,
  account_id     uuid NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  -- SHA-256 of the token, which is nowhere but on the user's device.
  token_hash     bytea NOT NULL CHECK (octet_length(token_hash) = 32),
  create_time    timestamptz NOT NULL,
  last_seen_time timestamptz NOT NULL,
  expire_time    timestamptz NOT NULL,
  ip_address     text NOT NULL,
  user_agent     text NOT NULL,
  request_id     text NOT NULL,
  CONSTRAINT sessions_token_hash_unique UNIQUE (token_hash)
);

CREATE INDEX sessions_of_account ON sessions (account_id, create_time DESC, id DESC);

CREATE TABLE access_tokens (
  id            uuid PRIMARY KEY,
  account_id    uuid NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  name          text NOT NULL,
  -- The first characters of the token, for its owner's eyes.
  hint          text NOT NULL,
  token_hash    bytea NOT NULL CHECK (octet_length(token_hash) = 32),
  create_time   timestamptz NOT NULL,
  expire_time   timestamptz,
  last_use_time timestamptz,
  CONSTRAINT access_tokens_token_hash_unique UNIQUE (token_hash)
);

CREATE INDEX access_tokens_of_account ON access_tokens (account_id, create_time DESC, id DESC);

-- Failed log-ins for addresses that nobody has: one row per hour, however many they are.
CREATE TABLE unknown_log_ins (
  hour     timestamptz PRIMARY KEY,
  attempts bigint NOT NULL
);

GRANT SELECT, INSERT, UPDATE, DELETE ON accounts, sessions, access_tokens TO auth;
GRANT SELECT, INSERT, UPDATE ON unknown_log_ins TO auth;
