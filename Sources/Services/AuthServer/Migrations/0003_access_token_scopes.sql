-- What a token may be used for: words between spaces. Tokens from before may be used for no more
-- than what tokens were meant for.
ALTER TABLE access_tokens ADD COLUMN scope text NOT NULL DEFAULT 'use' CHECK (scope <> '');
