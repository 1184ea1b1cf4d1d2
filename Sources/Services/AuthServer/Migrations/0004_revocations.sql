-- Credentials that stopped being valid before their end, for whoever took them for valid. Triggers
-- write the rows, so that whatever takes a credential away, now or later, tells of it in the same
-- transaction.
CREATE TABLE revocations (
  id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  -- Whose commit made it true. Readers go by it, since ids are given before a commit and so become
  -- visible out of order; what lies below a snapshot's xmin is complete.
  transaction_id bigint NOT NULL DEFAULT pg_current_xact_id()::text::bigint,
  account_id     uuid NOT NULL,
  -- A session or an access token; without one, all of the account's.
  credential_id  uuid,
  create_time    timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE INDEX revocations_by_transaction ON revocations (transaction_id, id);
CREATE INDEX revocations_by_time ON revocations (create_time);

-- One row: below this transaction not every revocation is there any more.
CREATE TABLE revocations_forgotten (
  transaction_id bigint NOT NULL
);
INSERT INTO revocations_forgotten (transaction_id) VALUES (0);

CREATE FUNCTION revoke_credential() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
BEGIN
  INSERT INTO revocations (account_id, credential_id) VALUES (OLD.account_id, OLD.id);
  RETURN NULL;
END
$$;

CREATE FUNCTION revoke_account() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
BEGIN
  INSERT INTO revocations (account_id) VALUES (OLD.id);
  RETURN NULL;
END
$$;

-- A session that is over has been refused already.
CREATE TRIGGER session_deleted AFTER DELETE ON sessions
  FOR EACH ROW WHEN (OLD.expire_time > now()) EXECUTE FUNCTION revoke_credential();
CREATE TRIGGER session_changed AFTER UPDATE ON sessions
  FOR EACH ROW WHEN (to_jsonb(OLD) - 'last_seen_time' <> to_jsonb(NEW) - 'last_seen_time')
  EXECUTE FUNCTION revoke_credential();

CREATE TRIGGER access_token_deleted AFTER DELETE ON access_tokens
  FOR EACH ROW EXECUTE FUNCTION revoke_credential();
CREATE TRIGGER access_token_changed AFTER UPDATE ON access_tokens
  FOR EACH ROW WHEN (to_jsonb(OLD) - 'last_use_time' <> to_jsonb(NEW) - 'last_use_time')
  EXECUTE FUNCTION revoke_credential();

-- A password is hashed anew at a log-in; whoever changes one ends the sessions that it should end.
CREATE TRIGGER account_deleted AFTER DELETE ON accounts
  FOR EACH ROW EXECUTE FUNCTION revoke_account();
CREATE TRIGGER account_changed AFTER UPDATE ON accounts
  FOR EACH ROW WHEN (to_jsonb(OLD) - 'password_hash' <> to_jsonb(NEW) - 'password_hash')
  EXECUTE FUNCTION revoke_account();

GRANT SELECT, INSERT, DELETE ON revocations TO auth;
GRANT SELECT, UPDATE ON revocations_forgotten TO auth;
