-- Accounts that are no more: nothing is stored for them again.
CREATE TABLE erased_accounts (
  account_id  uuid PRIMARY KEY,
  create_time timestamptz NOT NULL DEFAULT now(),
  -- When what there was had been destroyed; null until then.
  erase_time  timestamptz
);

-- An assertion may be valid for a moment longer than its account. The lock makes each insert come
-- before the erasure, which then destroys it, or after it, and then it is refused.
CREATE FUNCTION refuse_erased_account() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
BEGIN
  PERFORM pg_advisory_xact_lock_shared(hashtextextended(NEW.user_id::text, 0));
  IF EXISTS (SELECT FROM erased_accounts WHERE account_id = NEW.user_id) THEN
    RAISE EXCEPTION 'the account is no more'
      USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'erased_accounts_stay_empty';
  END IF;
  RETURN NEW;
END
$$;

CREATE TRIGGER data_key_added BEFORE INSERT ON data_keys
  FOR EACH ROW EXECUTE FUNCTION refuse_erased_account();
CREATE TRIGGER provider_config_added BEFORE INSERT ON provider_configs
  FOR EACH ROW EXECUTE FUNCTION refuse_erased_account();

GRANT SELECT, INSERT, UPDATE ON erased_accounts TO vault;
