-- What happens too often to be an event each time: so many in this hour. Every instance adds what it counted once a
-- minute, so that no request writes here.
CREATE TABLE hourly_counts (
    hour timestamptz NOT NULL,
    kind text NOT NULL CONSTRAINT hourly_counts_kind_check CHECK (kind IN ('rotations')),
    number bigint NOT NULL,
    CONSTRAINT hourly_counts_pkey PRIMARY KEY (hour, kind)
);
