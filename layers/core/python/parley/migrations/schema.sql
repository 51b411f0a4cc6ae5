-- The schema as it is today: what all migrations add up to, in one file to read. A test compares the two, and nothing runs
-- this file but that test: change the schema by a new migration, and this file with it.
--
-- Every table is keyed by user_id first: row-level security filters on it, and hash partitioning or sharding by user needs
-- no rewrite. Policies name the roles: parley_app sees the rows of the user its transaction acts for, parley_jobs the rows
-- it has to settle, parley_review what is under review. None of them owns a table or may bypass a policy.

DO $$
DECLARE
    role_name text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY['parley_app', 'parley_jobs', 'parley_review', 'parley_auth', 'parley_keys'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN NOSUPERUSER NOBYPASSRLS', role_name);
        END IF;
        EXECUTE format('GRANT %I TO CURRENT_USER', role_name);
        EXECUTE format('GRANT USAGE ON SCHEMA public TO %I', role_name);
    END LOOP;
END
$$;

-- The user a transaction acts for; null, and so no row at all, where none was set.
CREATE FUNCTION acting_user_id() RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE
RETURN NULLIF(current_setting('parley.user_id', true), '')::uuid;

CREATE TABLE users (
    user_id uuid PRIMARY KEY,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE conversations (
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    conversation_id uuid NOT NULL,
    title text CHECK (length(title) <= 200),
    metadata jsonb NOT NULL DEFAULT '{}',
    next_sequence bigint NOT NULL DEFAULT 1,
    -- The first item of the prompt's window: moved in big steps, so that the engine's prefix cache keeps hitting.
    context_from_sequence bigint NOT NULL DEFAULT 1,
    -- A conversation that is not listed holds a chain of responses: one finds it by its responses only.
    is_listed boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, conversation_id)
);

CREATE INDEX conversations_listed ON conversations (user_id, updated_at DESC, conversation_id DESC) WHERE is_listed;

CREATE TABLE responses (
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    response_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    -- The id the answer's item will have once it is settled.
    output_item_id uuid NOT NULL,
    model text NOT NULL,
    status text NOT NULL CHECK (
        status IN ('queued', 'in_progress', 'completed', 'incomplete', 'cancelled', 'failed')
    ),
    finish_reason text,
    error_code text,
    prompt_tokens integer CHECK (prompt_tokens >= 0),
    cached_tokens integer CHECK (cached_tokens >= 0),
    completion_tokens integer CHECK (completion_tokens >= 0),
    created_at timestamptz NOT NULL DEFAULT now(),
    settled_at timestamptz,
    previous_response_id uuid,
    -- The items its request added: those of its conversation from this sequence on, to the other exclusively.
    input_from_sequence bigint,
    input_to_sequence bigint,
    instructions text,
    -- What the response says of its request; json, for the order of a schema's properties is part of it.
    request json NOT NULL DEFAULT '{}',
    is_background boolean NOT NULL DEFAULT false,
    -- What the job that runs a background turn has to know beside the items; null once the turn is settled.
    job json,
    -- Who works on a turn holds the lease of this number, and settles only while it is still his.
    lease_epoch integer NOT NULL DEFAULT 1,
    -- What was said so far, written only while Valkey is away.
    checkpoint jsonb,
    idempotency_key text CHECK (length(idempotency_key) BETWEEN 1 AND 255),
    -- SHA-256 of the request, by which the same request is known when it comes again.
    request_hash bytea CHECK (length(request_hash) = 32),
    receipt jsonb,
    cost_usd_micros bigint CHECK (cost_usd_micros >= 0),
    PRIMARY KEY (user_id, response_id),
    FOREIGN KEY (user_id, conversation_id) REFERENCES conversations ON DELETE CASCADE,
    CHECK ((status IN ('queued', 'in_progress')) = (settled_at IS NULL))
);

-- One turn at a time in a conversation: two would interleave their items.
CREATE UNIQUE INDEX responses_unsettled ON responses (user_id, conversation_id)
WHERE status IN ('queued', 'in_progress');

CREATE UNIQUE INDEX responses_idempotency ON responses (user_id, idempotency_key) WHERE idempotency_key IS NOT NULL;

CREATE INDEX responses_by_conversation ON responses (user_id, conversation_id);

CREATE TABLE items (
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    item_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    sequence bigint NOT NULL,
    -- The response that wrote the item; null for what the user said.
    response_id uuid,
    type text NOT NULL CHECK (type IN ('message', 'function_call', 'function_call_output', 'reasoning')),
    role text CHECK (role IN ('system', 'developer', 'user', 'assistant')),
    status text NOT NULL CHECK (status IN ('completed', 'incomplete')),
    content jsonb NOT NULL,
    -- Counted by the tokenizer named beside it; null until some tokenizer has.
    token_count integer CHECK (token_count >= 0),
    tokenizer text,
    created_at timestamptz NOT NULL DEFAULT now(),
    -- What each layer of moderation found, with its scores; null while nobody has looked.
    verdict jsonb,
    -- A blocked item stands in the conversation and in no prompt.
    is_blocked boolean NOT NULL DEFAULT false,
    PRIMARY KEY (user_id, item_id),
    UNIQUE (user_id, conversation_id, sequence),
    FOREIGN KEY (user_id, conversation_id) REFERENCES conversations ON DELETE CASCADE,
    -- A response that is deleted leaves what it said in the conversation it belongs to.
    FOREIGN KEY (user_id, response_id) REFERENCES responses ON DELETE SET NULL (response_id),
    CHECK ((type = 'message') = (role IS NOT NULL)),
    CHECK ((token_count IS NULL) = (tokenizer IS NULL))
);

CREATE INDEX items_by_response ON items (user_id, response_id) WHERE response_id IS NOT NULL;

ALTER TABLE users ENABLE ROW LEVEL SECURITY;
ALTER TABLE users FORCE ROW LEVEL SECURITY;
ALTER TABLE conversations ENABLE ROW LEVEL SECURITY;
ALTER TABLE conversations FORCE ROW LEVEL SECURITY;
ALTER TABLE responses ENABLE ROW LEVEL SECURITY;
ALTER TABLE responses FORCE ROW LEVEL SECURITY;
ALTER TABLE items ENABLE ROW LEVEL SECURITY;
ALTER TABLE items FORCE ROW LEVEL SECURITY;

CREATE POLICY own_rows ON users TO parley_app
USING (user_id = acting_user_id()) WITH CHECK (user_id = acting_user_id());
CREATE POLICY own_rows ON conversations TO parley_app
USING (user_id = acting_user_id()) WITH CHECK (user_id = acting_user_id());
CREATE POLICY own_rows ON responses TO parley_app
USING (user_id = acting_user_id()) WITH CHECK (user_id = acting_user_id());
CREATE POLICY own_rows ON items TO parley_app
USING (user_id = acting_user_id()) WITH CHECK (user_id = acting_user_id());

CREATE POLICY unsettled_turns ON responses TO parley_jobs USING (true) WITH CHECK (true);
CREATE POLICY answers_of_turns ON items FOR INSERT TO parley_jobs WITH CHECK (response_id IS NOT NULL);
CREATE POLICY sequence_of_answers ON conversations TO parley_jobs USING (true) WITH CHECK (true);

GRANT SELECT, INSERT ON users TO parley_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON conversations, responses, items TO parley_app;
-- Only what settling a turn needs: what was asked, and on what terms, is none of its business.
GRANT SELECT (
    user_id, response_id, conversation_id, output_item_id, model, status, created_at, is_background, lease_epoch, checkpoint,
    idempotency_key
),
UPDATE (
    status, finish_reason, error_code, prompt_tokens, cached_tokens, completion_tokens, settled_at, receipt, checkpoint, job,
    idempotency_key, lease_epoch, model, cost_usd_micros
) ON responses TO parley_jobs;
-- Only what appending an answer needs: titles and metadata are none of its business.
GRANT SELECT (user_id, conversation_id, next_sequence), UPDATE (next_sequence, updated_at) ON conversations TO parley_jobs;
GRANT INSERT ON items TO parley_jobs;

CREATE TABLE api_keys (
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    key_id uuid NOT NULL,
    -- One of a user's twenty places for live keys: with the index below, a limit that holds however many are made at once.
    place smallint NOT NULL CHECK (place BETWEEN 1 AND 20),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    -- SHA-256 of the secret. Unique across users: a key is looked up before anybody knows whose it is.
    key_hash bytea NOT NULL UNIQUE CHECK (length(key_hash) = 32),
    -- The last characters of the secret, by which its owner tells keys apart.
    secret_end text NOT NULL CHECK (length(secret_end) = 4),
    -- The owner's tier when the key was made; the groups it comes from are the identity provider's.
    tier text NOT NULL CHECK (tier IN ('free', 'pro', 'enterprise')),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    -- A day of UTC: a row is written once a day, not at every request.
    last_used_on date,
    revoked_at timestamptz,
    PRIMARY KEY (user_id, key_id)
);

CREATE UNIQUE INDEX api_keys_places ON api_keys (user_id, place) WHERE revoked_at IS NULL;

ALTER TABLE api_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE api_keys FORCE ROW LEVEL SECURITY;

CREATE POLICY own_rows ON api_keys TO parley_app
USING (user_id = acting_user_id()) WITH CHECK (user_id = acting_user_id());
CREATE POLICY key_lookup ON api_keys TO parley_keys USING (true) WITH CHECK (true);

-- A hash goes in and never comes out; a key that was made changes only by being revoked.
GRANT INSERT, UPDATE (revoked_at),
SELECT (user_id, key_id, place, name, secret_end, tier, created_at, expires_at, last_used_on, revoked_at)
ON api_keys TO parley_app;
GRANT UPDATE (last_used_on), SELECT (user_id, key_hash, tier, expires_at, last_used_on, revoked_at) ON api_keys TO parley_keys;

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

-- A conversation and the items its next prompt is made of: those from a sequence on, or from where its window starts, and
-- the instructions before it; one row with no item where there is none. It acts for the owner with the caller's own rights,
-- as the functions below: what is one function is one round trip and not four.
CREATE FUNCTION read_conversation(owner_id uuid, wanted_id uuid, from_sequence bigint) RETURNS TABLE (
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

-- The beginning of a turn: what the user said, the response, and where the prompt's window starts. False, and nothing
-- written, when the conversation is gone or has changed since its next sequence was read.
CREATE FUNCTION record_turn(
    owner_id uuid, in_conversation uuid, expected_sequence bigint, starts_at bigint, first_title text, turn json, new_items json
) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    item_count integer := json_array_length(new_items);
BEGIN
    PERFORM set_config('parley.user_id', owner_id::text, true);
    UPDATE conversations
    SET next_sequence = next_sequence + item_count,
        context_from_sequence = starts_at,
        title = COALESCE(title, first_title),
        updated_at = now()
    WHERE user_id = owner_id AND conversation_id = in_conversation AND next_sequence = expected_sequence;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    INSERT INTO responses
        (user_id, response_id, conversation_id, output_item_id, model, status, created_at, previous_response_id,
         input_from_sequence, input_to_sequence, instructions, request, is_background, job, lease_epoch,
         idempotency_key, request_hash)
    VALUES
        (owner_id, (turn ->> 'response_id')::uuid, in_conversation, (turn ->> 'output_item_id')::uuid, turn ->> 'model',
         turn ->> 'status', (turn ->> 'created_at')::timestamptz, (turn ->> 'previous_response_id')::uuid,
         expected_sequence, expected_sequence + item_count, turn ->> 'instructions', turn -> 'request',
         (turn ->> 'is_background')::boolean, CASE WHEN json_typeof(turn -> 'job') = 'object' THEN turn -> 'job' END, (turn ->> 'lease_epoch')::integer,
         turn ->> 'idempotency_key', decode(turn ->> 'request_hash', 'hex'));
    INSERT INTO items
        (user_id, item_id, conversation_id, sequence, type, role, status, content, token_count, tokenizer)
    SELECT
        owner_id, item.item_id, in_conversation, expected_sequence + item.position - 1, item.type, item.role, item.status,
        item.content, item.token_count, CASE WHEN item.token_count IS NOT NULL THEN COALESCE(turn ->> 'tokenizer', turn ->> 'model') END
    FROM json_to_recordset(new_items) AS item
        (position integer, item_id uuid, type text, role text, status text, content jsonb, token_count integer);
    RETURN true;
END
$$;

-- The end of a turn, once, by the holder of its lease: false, and nothing written, when it is settled or deleted, or its lease
-- is another's.
CREATE FUNCTION settle_turn(
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

-- Checkpoints of many turns in one call. It acts for the owner of each in turn, with the caller's own rights.
CREATE FUNCTION save_checkpoints(turns json) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    turn record;
BEGIN
    FOR turn IN
        SELECT * FROM json_to_recordset(turns) AS each (user_id uuid, response_id uuid, lease_epoch integer, said jsonb)
    LOOP
        PERFORM set_config('parley.user_id', turn.user_id::text, true);
        UPDATE responses SET checkpoint = turn.said
        WHERE responses.user_id = turn.user_id AND responses.response_id = turn.response_id
            AND responses.lease_epoch = turn.lease_epoch AND responses.status = 'in_progress';
    END LOOP;
END
$$;

-- Who a live key's secret stands for, by the secret's hash; no row for any other hash. The body is parsed here, once, and
-- names its schema: what a caller puts on the search path changes nothing.
CREATE FUNCTION find_api_key(presented_hash bytea) RETURNS TABLE (user_id uuid, tier text)
LANGUAGE sql VOLATILE STRICT SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    UPDATE public.api_keys SET last_used_on = (now() AT TIME ZONE 'UTC')::date
    WHERE
        key_hash = presented_hash AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
        AND last_used_on IS DISTINCT FROM (now() AT TIME ZONE 'UTC')::date;
    SELECT
        user_id,
        tier
    FROM public.api_keys
    WHERE key_hash = presented_hash AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now());
END;

REVOKE ALL ON FUNCTION find_api_key(bytea) FROM public;
GRANT EXECUTE ON FUNCTION find_api_key(bytea) TO parley_auth;
-- The authorizer sends one statement a key and sets nothing before it.
ALTER ROLE parley_auth SET statement_timeout = '3s';
-- An owner who is no superuser may give a function only to a role that could have made it.
GRANT CREATE ON SCHEMA public TO parley_keys;
ALTER FUNCTION find_api_key(bytea) OWNER TO parley_keys;
REVOKE CREATE ON SCHEMA public FROM parley_keys;

-- On RDS the logins of the functions sign in with IAM tokens and have no password. Their creator, the owner, is a member of
-- theirs and so of rds_iam: once this has run, RDS takes a token from the owner as well, and its password no more.
DO $$
DECLARE
    role_name text;
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'rds_iam') THEN
        FOREACH role_name IN ARRAY ARRAY['parley_app', 'parley_jobs', 'parley_auth', 'parley_review'] LOOP
            EXECUTE format('ALTER ROLE %I LOGIN', role_name);
            EXECUTE format('GRANT rds_iam TO %I', role_name);
        END LOOP;
    END IF;
END
$$;
