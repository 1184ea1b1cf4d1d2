-- Identities at OpenID Connect providers that let into an account.
CREATE TABLE identities (
  id            uuid PRIMARY KEY,
  account_id    uuid NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  -- Both together name a person for good; an e-mail address doesn't.
  issuer        text NOT NULL CHECK (octet_length(issuer) <= 1024),
  subject       text NOT NULL CHECK (octet_length(subject) <= 255),
  -- What the provider said when it was connected; empty if it said nothing that it had verified.
  email         text NOT NULL,
  create_time   timestamptz NOT NULL,
  last_use_time timestamptz,
  CONSTRAINT identities_subject_unique UNIQUE (issuer, subject)
);

CREATE INDEX identities_of_account ON identities (account_id, create_time DESC);

GRANT SELECT, INSERT, UPDATE, DELETE ON identities TO auth;
