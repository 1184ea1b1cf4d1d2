-- HMAC over a row's token hash, id, account and end with a key that is not in the database: a row
-- that somebody else writes or moves lets nobody in. Without one: written by a release from before.
ALTER TABLE sessions ADD COLUMN code bytea CHECK (octet_length(code) = 32);
ALTER TABLE access_tokens
  ADD COLUMN code bytea CHECK (octet_length(code) = 32),
  -- Of the secret from before the last rotation.
  ADD COLUMN old_code bytea CHECK (octet_length(old_code) = 32);
ALTER TABLE links ADD COLUMN code bytea CHECK (octet_length(code) = 32);

-- Nothing tells a row from before from one that was slipped in: all of them have ended.
DELETE FROM sessions;
DELETE FROM access_tokens;
DELETE FROM links;
DELETE FROM recovery_codes;
