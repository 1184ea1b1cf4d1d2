-- Key pairs that people's devices keep (WebAuthn); the public halves.
CREATE TABLE passkeys (
  id                 uuid PRIMARY KEY,
  account_id         uuid NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  -- What the device calls it; of any account's.
  credential_id      bytea NOT NULL CHECK (octet_length(credential_id) BETWEEN 1 AND 1023),
  -- In COSE.
  public_key         bytea NOT NULL CHECK (octet_length(public_key) <= 8192),
  name               text NOT NULL,
  -- What the device has counted, or 0 for good.
  sign_count         bigint NOT NULL,
  is_backup_eligible boolean NOT NULL,
  is_backed_up       boolean NOT NULL,
  create_time        timestamptz NOT NULL,
  last_use_time      timestamptz,
  CONSTRAINT passkeys_credential_unique UNIQUE (credential_id)
);

CREATE INDEX passkeys_of_account ON passkeys (account_id, create_time DESC);

-- Challenges that were signed rightly, until nobody could use them any more. Those that nobody has
-- signed are nowhere: a challenge is authenticated by itself.
CREATE TABLE used_challenges (
  -- SHA-256 of the challenge.
  challenge_hash bytea PRIMARY KEY CHECK (octet_length(challenge_hash) = 32),
  expire_time    timestamptz NOT NULL
);

CREATE INDEX used_challenges_by_end ON used_challenges (expire_time);

-- Whether log-in by password needs more than that.
CREATE FUNCTION has_second_factor(account uuid) RETURNS boolean LANGUAGE sql STABLE
SET search_path FROM CURRENT AS $$
  SELECT EXISTS (SELECT FROM authenticators AS f
                  WHERE f.account_id = account AND f.enable_time IS NOT NULL)
      OR EXISTS (SELECT FROM passkeys AS p WHERE p.account_id = account)
$$;

GRANT SELECT, INSERT, UPDATE, DELETE ON passkeys TO auth;
GRANT SELECT, INSERT, DELETE ON used_challenges TO auth;
