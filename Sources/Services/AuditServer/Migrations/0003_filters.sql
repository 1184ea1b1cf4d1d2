-- The pages of one key's entries and of one token's, newest first. Other filters are tested on the way.
CREATE INDEX events_target_page ON events (account_id, target_id, time DESC, sequence DESC);
CREATE INDEX events_credential_page
  ON events (account_id, (details->>'credentialId'), time DESC, sequence DESC);
