-- Reviews: what moderation flagged, for people to look at; and verdicts on what an answer says.

-- What a person should look at: an item that moderation flagged, blocked or withheld. The item itself, its verdict and what was
-- withheld go when their user deletes them; who decided what about it stays.
CREATE TABLE reviews (
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    review_id uuid NOT NULL,
    -- Null once its user deleted it; the part of the conversation around it is out of sight then as well.
    item_id uuid,
    conversation_id uuid NOT NULL,
    response_id uuid NOT NULL,
    side text NOT NULL CHECK (side IN ('input', 'output')),
    -- What the policy wanted; in a dry run it was not done.
    action text NOT NULL CHECK (action IN ('review', 'block')),
    is_enforced boolean NOT NULL,
    -- Flagged only because no classifier answered in time.
    is_unjudged boolean NOT NULL,
    categories text[] NOT NULL,
    score real NOT NULL,
    -- The part of the conversation that a reviewer may see, both inclusive: what stood there on the day it was flagged, as far
    -- as the policy of that day went.
    from_sequence bigint NOT NULL,
    to_sequence bigint NOT NULL,
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'approved', 'upheld', 'escalated')),
    appealed_at timestamptz,
    appeal_note text CHECK (length(appeal_note) <= 1000),
    created_at timestamptz NOT NULL DEFAULT now(),
    decided_at timestamptz,
    PRIMARY KEY (user_id, review_id),
    UNIQUE (user_id, item_id),
    FOREIGN KEY (user_id, item_id) REFERENCES items ON DELETE SET NULL (item_id),
    CHECK ((state IN ('approved', 'upheld')) = (decided_at IS NOT NULL))
);

CREATE INDEX reviews_queue ON reviews (state, created_at, review_id);
CREATE INDEX reviews_by_age ON reviews (created_at, review_id);
-- A reviewer names a review, and not whose it is. Not unique: partitions by user could not keep that.
CREATE INDEX reviews_by_id ON reviews (review_id);
CREATE INDEX reviews_decided ON reviews (decided_at, review_id) WHERE decided_at IS NOT NULL;
CREATE INDEX reviews_by_conversation ON reviews (user_id, conversation_id);

-- What was done with a review, by whom: rows are added, never changed.
CREATE TABLE review_events (
    user_id uuid NOT NULL,
    review_id uuid NOT NULL,
    event_id uuid NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    actor_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('viewed', 'approved', 'upheld', 'escalated', 'appealed')),
    note text CHECK (length(note) <= 2000),
    PRIMARY KEY (user_id, review_id, event_id),
    FOREIGN KEY (user_id, review_id) REFERENCES reviews ON DELETE CASCADE
);

-- What an answer said that was taken back; nobody but a reviewer reads it.
CREATE TABLE withheld_texts (
    user_id uuid NOT NULL,
    item_id uuid NOT NULL,
    text text NOT NULL,
    reasoning text NOT NULL DEFAULT '',
    PRIMARY KEY (user_id, item_id),
    FOREIGN KEY (user_id, item_id) REFERENCES items ON DELETE CASCADE
);

ALTER TABLE reviews ENABLE ROW LEVEL SECURITY;
ALTER TABLE reviews FORCE ROW LEVEL SECURITY;
ALTER TABLE review_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE review_events FORCE ROW LEVEL SECURITY;
ALTER TABLE withheld_texts ENABLE ROW LEVEL SECURITY;
ALTER TABLE withheld_texts FORCE ROW LEVEL SECURITY;

CREATE POLICY own_rows ON reviews FOR SELECT TO parley_app USING (user_id = acting_user_id());
CREATE POLICY flagged ON reviews FOR INSERT TO parley_app WITH CHECK (user_id = acting_user_id() AND state = 'open');
-- Once, and what was upheld is looked at again.
CREATE POLICY appeal ON reviews FOR UPDATE TO parley_app
USING (
    user_id = acting_user_id() AND appealed_at IS NULL AND action = 'block' AND is_enforced AND state <> 'approved'
)
WITH CHECK (
    user_id = acting_user_id() AND appealed_at IS NOT NULL AND action = 'block' AND is_enforced
    AND state IN ('open', 'escalated')
);
-- What was let through and is blocked by a later verdict; an appeal is against that.
CREATE POLICY judged_later ON reviews FOR UPDATE TO parley_app
USING (user_id = acting_user_id() AND state = 'open' AND is_unjudged AND NOT (action = 'block' AND is_enforced))
WITH CHECK (user_id = acting_user_id() AND state = 'open' AND appealed_at IS NULL AND action = 'block' AND is_enforced);
CREATE POLICY own_appeals ON review_events FOR INSERT TO parley_app
WITH CHECK (user_id = acting_user_id() AND actor_id = user_id AND kind = 'appealed');
CREATE POLICY withhold ON withheld_texts FOR INSERT TO parley_app WITH CHECK (user_id = acting_user_id());

-- A reviewer's transaction acts for the reviewer: nobody decides about himself, nor in another's name.
CREATE POLICY queue ON reviews FOR SELECT TO parley_review USING (true);
CREATE POLICY decisions ON reviews FOR UPDATE TO parley_review
USING (user_id <> acting_user_id()) WITH CHECK (user_id <> acting_user_id());
CREATE POLICY trail ON review_events FOR SELECT TO parley_review USING (true);
CREATE POLICY trail_grows ON review_events FOR INSERT TO parley_review
WITH CHECK (actor_id = acting_user_id() AND kind <> 'appealed' AND (kind = 'viewed' OR user_id <> actor_id));
CREATE POLICY withheld ON withheld_texts FOR SELECT TO parley_review USING (true);
CREATE POLICY reviewed_part ON items FOR SELECT TO parley_review USING (
    EXISTS (
        SELECT FROM reviews
        WHERE
            reviews.user_id = items.user_id
            AND reviews.conversation_id = items.conversation_id
            AND reviews.item_id IS NOT NULL
            AND items.sequence BETWEEN reviews.from_sequence AND reviews.to_sequence
    )
);
-- Only what was blocked is ever changed: let through, or blocked again.
CREATE POLICY reviewed_item ON items FOR UPDATE TO parley_review USING (
    EXISTS (
        SELECT FROM reviews
        WHERE
            reviews.user_id = items.user_id
            AND reviews.item_id = items.item_id
            AND reviews.user_id <> acting_user_id()
            AND reviews.action = 'block'
            AND reviews.is_enforced
    )
);

-- Times are the database's own.
GRANT INSERT (
    user_id, review_id, item_id, conversation_id, response_id, side, action, is_enforced, is_unjudged, categories, score,
    from_sequence, to_sequence
),
SELECT (
    user_id, review_id, item_id, conversation_id, state, side, action, is_enforced, appealed_at, created_at, decided_at
),
UPDATE (
    state, appealed_at, appeal_note, decided_at, action, is_enforced, is_unjudged, categories, score
) ON reviews TO parley_app;
GRANT INSERT ON withheld_texts TO parley_app;
GRANT INSERT (user_id, review_id, event_id, actor_id, kind, note) ON review_events TO parley_app, parley_review;
GRANT SELECT, UPDATE (state, decided_at) ON reviews TO parley_review;
GRANT SELECT ON review_events, withheld_texts TO parley_review;
GRANT SELECT (
    user_id, item_id, conversation_id, sequence, response_id, type, role, status, content, created_at, verdict, is_blocked
),
UPDATE (content, is_blocked, token_count, tokenizer) ON items TO parley_review;

CREATE OR REPLACE FUNCTION read_conversation(owner_id uuid, wanted_id uuid, from_sequence bigint) RETURNS TABLE (
    next_sequence bigint, window_start bigint, is_busy boolean, read_at timestamptz, is_listed boolean, has_title boolean,
    item_id uuid, sequence bigint, type text, role text, status text, content jsonb, response_id uuid,
    token_count integer, tokenizer text, created_at timestamptz, is_judged boolean
)
LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    PERFORM set_config('parley.user_id', owner_id::text, true);
    RETURN QUERY
    SELECT
        talk.next_sequence, talk.context_from_sequence,
        EXISTS (
            SELECT FROM responses
            WHERE responses.user_id = owner_id AND responses.conversation_id = wanted_id
                AND responses.status IN ('queued', 'in_progress')
        ),
        now(), talk.is_listed, talk.title IS NOT NULL,
        shown.item_id, shown.sequence, shown.type, shown.role, shown.status, shown.content, shown.response_id,
        shown.token_count, shown.tokenizer, shown.created_at,
        -- What no classifier answered for in time is judged again, until a person has looked at it.
        shown.verdict IS NOT NULL AND (
            NOT shown.verdict -> 'layers' @> '[{"version": "away"}]'
            OR EXISTS (
                SELECT FROM reviews
                WHERE reviews.user_id = owner_id AND reviews.item_id = shown.item_id AND reviews.state <> 'open'
            )
        )
    FROM conversations AS talk
    LEFT JOIN LATERAL (
        SELECT * FROM items
        WHERE items.user_id = owner_id AND items.conversation_id = wanted_id AND NOT items.is_blocked
            AND (
                items.sequence >= COALESCE(from_sequence, talk.context_from_sequence)
                OR items.role IN ('system', 'developer')
            )
        ORDER BY items.sequence DESC
        LIMIT 4000 -- far more than any context holds
    ) AS shown ON true
    WHERE talk.user_id = owner_id AND talk.conversation_id = wanted_id
    ORDER BY shown.sequence;
END
$$;

-- The code before this one names no verdict of an item it adds, and no review.
CREATE OR REPLACE FUNCTION settle_turn(
    owner_id uuid, turn_id uuid, held_lease integer, outcome json, receipt jsonb, new_items json
) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    item_count integer := json_array_length(new_items);
    in_conversation uuid;
    first_sequence bigint;
BEGIN
    PERFORM set_config('parley.user_id', owner_id::text, true);
    UPDATE responses
    SET status = outcome ->> 'status',
        finish_reason = outcome ->> 'finish_reason',
        error_code = outcome ->> 'error_code',
        prompt_tokens = (outcome ->> 'prompt_tokens')::integer,
        cached_tokens = (outcome ->> 'cached_tokens')::integer,
        completion_tokens = (outcome ->> 'completion_tokens')::integer,
        cost_usd_micros = (outcome ->> 'cost_usd_micros')::bigint,
        -- Another one than was asked may have answered.
        model = COALESCE(outcome ->> 'model', model),
        settled_at = now(),
        receipt = settle_turn.receipt,
        checkpoint = NULL,
        job = NULL,
        -- A turn that failed said nothing: the same request may be tried again under its key.
        idempotency_key = CASE WHEN outcome ->> 'status' <> 'failed' THEN idempotency_key END
    WHERE user_id = owner_id AND response_id = turn_id AND lease_epoch = held_lease AND status IN ('queued', 'in_progress')
    RETURNING conversation_id INTO in_conversation;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    UPDATE conversations
    SET next_sequence = next_sequence + item_count, updated_at = now()
    WHERE user_id = owner_id AND conversation_id = in_conversation
    RETURNING next_sequence - item_count INTO first_sequence;
    -- The sweeper, which judges nothing, may not touch what was said.
    IF json_typeof(outcome -> 'verdicts') = 'array' THEN
        UPDATE items SET verdict = judged.verdict, is_blocked = judged.is_blocked
        FROM json_to_recordset(outcome -> 'verdicts') AS judged (item_id uuid, verdict jsonb, is_blocked boolean)
        WHERE items.user_id = owner_id AND items.item_id = judged.item_id AND items.conversation_id = in_conversation;
    END IF;
    INSERT INTO items
        (user_id, item_id, conversation_id, sequence, response_id, type, role, status, content, token_count, tokenizer,
         verdict, is_blocked)
    SELECT
        owner_id, item.item_id, in_conversation, first_sequence + item.position - 1, turn_id, item.type, item.role,
        item.status, item.content, item.token_count, CASE WHEN item.token_count IS NOT NULL THEN COALESCE(outcome ->> 'tokenizer', outcome ->> 'model') END,
        item.verdict, COALESCE(item.is_blocked, false)
    FROM json_to_recordset(new_items) AS item
        (position integer, item_id uuid, type text, role text, status text, content jsonb, token_count integer,
         verdict jsonb, is_blocked boolean);
    IF json_typeof(outcome -> 'reviews') = 'array' THEN
        -- What was let through for want of a verdict and is blocked now: a reviewer must be able to let it through again.
        UPDATE reviews SET action = judged.action, is_enforced = judged.is_enforced, is_unjudged = judged.is_unjudged,
            categories = ARRAY(SELECT json_array_elements_text(judged.categories)), score = judged.score
        FROM json_to_recordset(outcome -> 'reviews') AS judged
            (item_id uuid, action text, is_enforced boolean, is_unjudged boolean, categories json, score real)
        WHERE reviews.user_id = owner_id AND reviews.item_id = judged.item_id AND reviews.conversation_id = in_conversation
            AND reviews.state = 'open' AND NOT (reviews.action = 'block' AND reviews.is_enforced)
            AND judged.action = 'block' AND judged.is_enforced;
        WITH flagged AS (
            SELECT * FROM json_to_recordset(outcome -> 'reviews') AS flagged
                (review_id uuid, item_id uuid, side text, action text, is_enforced boolean, is_unjudged boolean,
                 categories json, score real, context_items integer, withheld text, withheld_reasoning text)
        ), opened AS (
            INSERT INTO reviews
                (user_id, review_id, item_id, conversation_id, response_id, side, action, is_enforced, is_unjudged,
                 categories, score, from_sequence, to_sequence)
            SELECT
                owner_id, flagged.review_id, flagged.item_id, in_conversation, turn_id, flagged.side, flagged.action,
                flagged.is_enforced, flagged.is_unjudged, ARRAY(SELECT json_array_elements_text(flagged.categories)),
                flagged.score, items.sequence - flagged.context_items,
                -- Not what will be said later.
                LEAST(items.sequence + flagged.context_items, first_sequence + item_count - 1)
            FROM flagged
            JOIN items ON items.user_id = owner_id AND items.item_id = flagged.item_id
                AND items.conversation_id = in_conversation
            -- One that a person has looked at already is not asked about again.
            ON CONFLICT (user_id, item_id) DO NOTHING
            RETURNING review_id
        )
        INSERT INTO withheld_texts (user_id, item_id, text, reasoning)
        SELECT owner_id, flagged.item_id, flagged.withheld, COALESCE(flagged.withheld_reasoning, '')
        FROM opened JOIN flagged USING (review_id)
        WHERE flagged.withheld IS NOT NULL;
    END IF;
    RETURN true;
END
$$;

-- On RDS the moderation function signs in with a token, as the others do.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'rds_iam') THEN
        ALTER ROLE parley_review LOGIN;
        GRANT rds_iam TO parley_review;
    END IF;
END
$$;
