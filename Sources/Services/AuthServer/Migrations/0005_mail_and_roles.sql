ALTER TABLE accounts
  ADD COLUMN role text NOT NULL DEFAULT 'user' CHECK (role IN ('user', 'auditor', 'admin')),
  -- When mail to the address was last shown to reach its owner.
  ADD COLUMN verify_time timestamptz,
  -- Since when the account is shut out.
  ADD COLUMN disable_time timestamptz;

CREATE INDEX accounts_by_time ON accounts (create_time DESC, id DESC);
CREATE INDEX accounts_with_role ON accounts (role) WHERE role <> 'user';

-- That an address was confirmed takes no credential away.
DROP TRIGGER account_changed ON accounts;
-- Accounts from before have been in use without: they count as confirmed.
UPDATE accounts SET verify_time = create_time;
CREATE TRIGGER account_changed AFTER UPDATE ON accounts
  FOR EACH ROW WHEN (to_jsonb(OLD) - '{password_hash,verify_time}'::text[]
                     <> to_jsonb(NEW) - '{password_hash,verify_time}'::text[])
  EXECUTE FUNCTION revoke_account();

-- What the links of mails stand for.
CREATE TABLE links (
  -- SHA-256 of the token, which is nowhere but in the mail.
  token_hash  bytea PRIMARY KEY CHECK (octet_length(token_hash) = 32),
  purpose     text NOT NULL,
  -- Without one: an invitation.
  account_id  uuid REFERENCES accounts (id) ON DELETE CASCADE,
  email       text NOT NULL CHECK (octet_length(email) <= 254),
  email_key   text NOT NULL,
  create_time timestamptz NOT NULL,
  expire_time timestamptz NOT NULL
);

CREATE INDEX links_of_account ON links (account_id, purpose, create_time DESC);
CREATE INDEX links_of_address ON links (email_key, purpose, create_time DESC);
CREATE INDEX links_by_end ON links (expire_time);

-- Mails that are owed. Their links are made when they leave, so that no token is in here.
CREATE TABLE mails (
  id          uuid PRIMARY KEY,
  occasion    text NOT NULL,
  -- No reference: a mail about the end of an account outlives it.
  account_id  uuid,
  email       text NOT NULL CHECK (octet_length(email) <= 254),
  device      text NOT NULL,
  ip_address  text NOT NULL,
  create_time timestamptz NOT NULL,
  attempts    integer NOT NULL DEFAULT 0,
  -- When it may be tried next; whoever tries sets it ahead, so that no other process does.
  retry_time  timestamptz NOT NULL DEFAULT '-infinity'
);

CREATE INDEX mails_by_retry ON mails (retry_time);

GRANT SELECT, INSERT, DELETE ON links TO auth;
GRANT SELECT, INSERT, UPDATE, DELETE ON mails TO auth;
