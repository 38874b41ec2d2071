-- Letters to people about their own account, written in the transaction that decided what they tell of, and sent later.
CREATE TABLE outbox (
    id uuid NOT NULL CONSTRAINT outbox_pkey PRIMARY KEY,
    user_id uuid NOT NULL CONSTRAINT outbox_user_id_fkey REFERENCES users (id) ON DELETE CASCADE,
    -- What happened, and what there is to say of it. The address and the words are looked up when it is sent.
    notice text NOT NULL,
    details jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    -- When it is tried next. Whoever tries pushes it ahead first: nobody else tries meanwhile.
    due_at timestamptz NOT NULL,
    sent_at timestamptz,
    -- The letter's link ends all sessions, once.
    link_used_at timestamptz
);

CREATE INDEX outbox_due_at_idx ON outbox (due_at) WHERE sent_at IS NULL;
CREATE INDEX outbox_created_at_idx ON outbox (created_at);
CREATE INDEX outbox_user_id_idx ON outbox (user_id);
