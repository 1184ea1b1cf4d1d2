-- When the account is deleted unless its owner keeps it; null for one that stays.
ALTER TABLE accounts ADD COLUMN delete_time timestamptz;
CREATE INDEX accounts_to_delete ON accounts (delete_time) WHERE delete_time IS NOT NULL;

-- Accounts that are no more, for good: what vault and audit are told until they have done it, and what
-- a backup from before must lose again.
CREATE TABLE erasures (
  account_id  uuid PRIMARY KEY,
  erase_time  timestamptz NOT NULL,
  -- When each had destroyed what it had; null until then.
  vault_time  timestamptz,
  audit_time  timestamptz,
  -- How often they were told, and when they may be told next; whoever tells sets it ahead.
  attempts    integer NOT NULL DEFAULT 0,
  retry_time  timestamptz NOT NULL DEFAULT '-infinity'
);

CREATE INDEX erasures_to_tell ON erasures (retry_time)
  WHERE vault_time IS NULL OR audit_time IS NULL;
CREATE INDEX erasures_by_time ON erasures (erase_time, account_id);

-- Mails that are owed to an account go with it.
CREATE INDEX mails_of_account ON mails (account_id) WHERE account_id IS NOT NULL;

GRANT DELETE ON accounts TO auth;
GRANT SELECT, INSERT, UPDATE ON erasures TO auth;
