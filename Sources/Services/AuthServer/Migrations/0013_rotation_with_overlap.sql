-- A token that is rotated with time for its old secret ends nothing: neither secret stops working
-- before what gateways know of it has run out (a minute). Where an older secret goes with it, or the
-- old one ends sooner, gateways are told as before.
DROP TRIGGER access_token_changed ON access_tokens;
CREATE TRIGGER access_token_changed AFTER UPDATE ON access_tokens
  FOR EACH ROW WHEN (
    to_jsonb(OLD) - '{last_use_time,last_use_address}'::text[]
      <> to_jsonb(NEW) - '{last_use_time,last_use_address}'::text[]
    AND NOT coalesce(
      NEW.old_token_hash = OLD.token_hash AND NEW.old_expire_time > now() + interval '2 minutes'
        AND (OLD.old_token_hash IS NULL OR OLD.old_expire_time <= now())
        AND to_jsonb(OLD) - '{token_hash,hint,code,old_token_hash,old_expire_time,old_code,last_use_time,last_use_address}'::text[]
          = to_jsonb(NEW) - '{token_hash,hint,code,old_token_hash,old_expire_time,old_code,last_use_time,last_use_address}'::text[],
      false))
  EXECUTE FUNCTION revoke_credential();
