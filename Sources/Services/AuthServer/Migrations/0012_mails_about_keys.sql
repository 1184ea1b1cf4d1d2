ALTER TABLE mails
  -- The thing that a mail is about, where it isn't the account: its id, and what its owner calls it.
  ADD COLUMN about_id   text NOT NULL DEFAULT '',
  ADD COLUMN about_name text NOT NULL DEFAULT '' CHECK (octet_length(about_name) <= 200);
