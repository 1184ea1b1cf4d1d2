-- A key beside the one that is used: the next one, or the previous one for a while.
ALTER TABLE provider_configs
  ADD COLUMN second_role text CHECK (second_role IN ('next', 'previous')),
  ADD COLUMN second_masked_key text,
  -- Sealed with the same data key, for the same place.
  ADD COLUMN second_key bytea,
  ADD COLUMN second_key_version bigint,
  -- When a previous key is destroyed.
  ADD COLUMN second_end_time timestamptz,
  -- Until when the second key is used first, because the provider has refused the other.
  ADD COLUMN fallback_time timestamptz,
  ADD CHECK ((second_key IS NULL) = (second_role IS NULL)
             AND (second_key IS NULL) = (second_masked_key IS NULL)
             AND (second_key IS NULL) = (second_key_version IS NULL));
CREATE INDEX provider_configs_second_end ON provider_configs (second_end_time)
  WHERE second_end_time IS NOT NULL;
