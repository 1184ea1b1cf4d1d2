-- What providers last said to a key, as the ends of its uses tell; null before the first answer.
ALTER TABLE provider_configs
  ADD COLUMN last_status integer,
  ADD COLUMN last_answer_time timestamptz,
  -- Answers 401 and 403 since the last use that the provider took.
  ADD COLUMN consecutive_refusals integer NOT NULL DEFAULT 0;
