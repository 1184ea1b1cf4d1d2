-- What makes the log verifiable: a leaf for each event, and the Merkle tree of the leaves.

-- Appends take turns by this row, which no role of another schema can lock.
CREATE TABLE append_turn (singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton));
INSERT INTO append_turn DEFAULT VALUES;

-- How many leaves the tree has, and what was last signed of it; the row is locked by whoever adds to
-- the tree.
CREATE TABLE log_tree (
  singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  size bigint NOT NULL CHECK (size >= 0),
  -- A signed note; null until there is a leaf.
  checkpoint text,
  checkpoint_time timestamptz
);
INSERT INTO log_tree (size) VALUES (0);

-- The key by which an account finds its leaves, and how many of them the tree has.
CREATE TABLE log_accounts (
  account_id uuid PRIMARY KEY,
  key bytea NOT NULL CHECK (octet_length(key) = 32),
  entries bigint NOT NULL CHECK (entries > 0)
);

-- `leaf` and `commitment` say nothing of anybody; `salt` is destroyed with the personal fields of the
-- event.
CREATE TABLE log_leaves (
  sequence bigint PRIMARY KEY CHECK (sequence > 0),
  leaf bytea NOT NULL CHECK (octet_length(leaf) = 65),
  commitment bytea NOT NULL CHECK (octet_length(commitment) = 32),
  salt bytea CHECK (octet_length(salt) = 32),
  account_id uuid,
  account_entry bigint NOT NULL CHECK (account_entry >= 0)
);
CREATE UNIQUE INDEX log_leaves_of_account ON log_leaves (account_id, account_entry)
  WHERE account_id IS NOT NULL;

-- 256 hashes of one row of the tree; those at the right edge grow.
CREATE TABLE log_tiles (
  level smallint NOT NULL CHECK (level BETWEEN 0 AND 5),
  index bigint NOT NULL CHECK (index >= 0),
  hashes bytea NOT NULL CHECK (octet_length(hashes) BETWEEN 32 AND 8192),
  PRIMARY KEY (level, index)
);
-- Hashes don't compress.
ALTER TABLE log_tiles ALTER COLUMN hashes SET STORAGE EXTERNAL;

GRANT SELECT, UPDATE ON append_turn, log_tree TO audit;
GRANT SELECT, INSERT, UPDATE ON log_accounts, log_tiles TO audit;
GRANT SELECT, INSERT ON log_leaves TO audit;

-- As before, and destroys the salts: the commitments in the leaves stay, and nobody can try of whom
-- they are. Not while leaves are made of the same events.
CREATE OR REPLACE FUNCTION erase_person(erased uuid, sequences bigint[]) RETURNS void
LANGUAGE sql SET search_path FROM CURRENT AS $$
  SELECT FROM log_tree FOR UPDATE;
  UPDATE events AS e
     SET actor_name = CASE WHEN o.own THEN 'deleted account' ELSE actor_name END,
         ip_address = CASE WHEN o.own THEN '' ELSE ip_address END,
         user_agent = CASE WHEN o.own THEN '' ELSE user_agent END,
         request_id = CASE WHEN o.own THEN '' ELSE request_id END,
         target_name = CASE WHEN o.theirs THEN '' ELSE target_name END,
         details = CASE WHEN o.theirs THEN impersonal(details) ELSE details END
    FROM (SELECT sequence,
                 account_id IS NOT DISTINCT FROM erased AS theirs,
                 actor_type = 'user' AND actor_id = erased::text
                   OR actor_type = 'anonymous' AND account_id IS NOT DISTINCT FROM erased AS own
            FROM events WHERE sequence = ANY(sequences)) AS o
   WHERE e.sequence = o.sequence;
  UPDATE log_leaves SET salt = NULL WHERE sequence = ANY(sequences)
$$;
