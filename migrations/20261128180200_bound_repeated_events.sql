-- Refusals that a user can cause as often as they like: how many events of a kind were recorded in the current hour.
CREATE TABLE bounded_events (
    user_id uuid NOT NULL,
    kind text COLLATE "C" NOT NULL,
    hour timestamptz NOT NULL,
    recorded integer NOT NULL,
    CONSTRAINT bounded_events_pkey PRIMARY KEY (user_id, kind),
    CONSTRAINT bounded_events_recorded_check CHECK (recorded > 0)
) WITH (fillfactor = 50);
