-- A figure in an event's details, for sums; null where there is none. Details are any JSON that a
-- service sent, so what is no number, or none that a use can have, counts as none: a sum of the most
-- events that are counted at once still is a bigint.
CREATE FUNCTION figure_of(details jsonb, name text) RETURNS numeric LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN jsonb_typeof(details->name) = 'number'
               AND (details->name)::numeric BETWEEN 0 AND 1e13
              THEN trunc((details->name)::numeric) END
$$;
