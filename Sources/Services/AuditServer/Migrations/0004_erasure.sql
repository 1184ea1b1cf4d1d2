-- Accounts that are no more, whose entries lose what tells of a person. Kept for good: an entry may
-- arrive late.
CREATE TABLE erased_accounts (
  account_id      uuid PRIMARY KEY,
  create_time     timestamptz NOT NULL DEFAULT now(),
  -- How far the account's log has been gone through, newest first.
  cursor_time     timestamptz NOT NULL DEFAULT 'infinity',
  cursor_sequence bigint NOT NULL DEFAULT 9223372036854775807,
  complete_time   timestamptz
);
CREATE INDEX erased_accounts_by_text ON erased_accounts ((account_id::text));

-- What somebody did in the logs of others, as an admin.
CREATE INDEX events_in_other_logs ON events (actor_id, sequence)
  WHERE actor_type = 'user' AND account_id::text IS DISTINCT FROM actor_id;

-- What stays of an entry's details: numbers, flags, and words of the portal's own.
CREATE FUNCTION impersonal(details jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
  SELECT coalesce(jsonb_object_agg(key, value), '{}')
    FROM jsonb_each(CASE jsonb_typeof(details) WHEN 'object' THEN details ELSE '{}' END)
   WHERE jsonb_typeof(value) IN ('number', 'boolean')
      OR key IN ('credential', 'credentialId', 'reason', 'scopes', 'role')
$$;

-- Takes the person out of these entries: who, what, when, which thing and how it ended stay. Of an
-- entry of theirs that somebody else made, an admin, that person stays; and in the logs of others
-- what it was done to.
CREATE FUNCTION erase_person(erased uuid, sequences bigint[]) RETURNS void
LANGUAGE sql SET search_path FROM CURRENT AS $$
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
   WHERE e.sequence = o.sequence
$$;

-- Remembers an account as erased; the caller holds the lock of appends, so that every entry comes
-- before it, or is seen by the trigger.
CREATE FUNCTION begin_erasure(erased uuid) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT AS $$
  INSERT INTO erased_accounts (account_id) VALUES (erased) ON CONFLICT DO NOTHING
$$;

-- Goes through up to `batch` further entries of an erased account. `has_ended` says that it is this
-- call that came to the end. The run-time role may call this, and change no entry in any other way.
CREATE FUNCTION continue_erasure(
  erased uuid, batch integer, OUT events integer, OUT is_complete boolean, OUT has_ended boolean
) LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  state erased_accounts;
  own bigint[];
  others bigint[];
BEGIN
  SELECT * INTO STRICT state FROM erased_accounts AS a WHERE a.account_id = erased FOR UPDATE;
  events := 0;
  is_complete := state.complete_time IS NOT NULL;
  has_ended := false;
  IF is_complete THEN RETURN; END IF;
  SELECT array_agg(p.sequence ORDER BY p.time DESC, p.sequence DESC) INTO own
    FROM (SELECT e.time, e.sequence FROM events AS e
           WHERE e.account_id = erased
             AND (e.time, e.sequence) < (state.cursor_time, state.cursor_sequence)
           ORDER BY e.time DESC, e.sequence DESC LIMIT batch) AS p;
  IF own IS NOT NULL THEN
    PERFORM erase_person(erased, own);
    events := cardinality(own);
    UPDATE erased_accounts AS a SET cursor_time = e.time, cursor_sequence = e.sequence
      FROM events AS e WHERE a.account_id = erased AND e.sequence = own[cardinality(own)];
    RETURN;
  END IF;
  SELECT array_agg(p.sequence) INTO others
    FROM (SELECT e.sequence FROM events AS e
           WHERE e.actor_type = 'user' AND e.actor_id = erased::text
             AND e.account_id::text IS DISTINCT FROM e.actor_id
             AND e.actor_name <> 'deleted account'
           ORDER BY e.sequence LIMIT batch) AS p;
  IF others IS NOT NULL THEN
    PERFORM erase_person(erased, others);
    events := cardinality(others);
    RETURN;
  END IF;
  UPDATE erased_accounts AS a SET complete_time = now() WHERE a.account_id = erased;
  is_complete := true;
  has_ended := true;
END
$$;

-- What arrives late of an account that is no more.
CREATE FUNCTION erase_late_events() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  late record;
BEGIN
  FOR late IN
    SELECT f.account_id, array_agg(f.sequence) AS sequences
      FROM (SELECT a.account_id, n.sequence FROM added AS n
              JOIN erased_accounts AS a ON a.account_id = n.account_id
             UNION
            SELECT a.account_id, n.sequence FROM added AS n
              JOIN erased_accounts AS a ON a.account_id::text = n.actor_id
             WHERE n.actor_type = 'user') AS f
     GROUP BY f.account_id
  LOOP
    PERFORM erase_person(late.account_id, late.sequences);
  END LOOP;
  RETURN NULL;
END
$$;

CREATE TRIGGER events_added AFTER INSERT ON events
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION erase_late_events();

REVOKE EXECUTE ON FUNCTION begin_erasure(uuid), continue_erasure(uuid, integer),
  erase_person(uuid, bigint[]), erase_late_events() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION begin_erasure(uuid), continue_erasure(uuid, integer) TO audit;
