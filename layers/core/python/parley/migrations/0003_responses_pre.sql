-- Responses as OpenAI's API has them: chains without a conversation of their own, background turns, idempotency, a lease.

-- A conversation that is not listed holds a chain of responses: one finds it by its responses only.
ALTER TABLE conversations ADD COLUMN is_listed boolean NOT NULL DEFAULT true;

CREATE INDEX conversations_listed ON conversations (user_id, updated_at DESC, conversation_id DESC) WHERE is_listed;

ALTER TABLE responses
ADD COLUMN previous_response_id uuid,
-- The items its request added: those of its conversation from this sequence on, to the other exclusively.
ADD COLUMN input_from_sequence bigint,
ADD COLUMN input_to_sequence bigint,
ADD COLUMN instructions text,
-- What the response says of its request; json, for the order of a schema's properties is part of it.
ADD COLUMN request json NOT NULL DEFAULT '{}',
ADD COLUMN is_background boolean NOT NULL DEFAULT false,
-- What the job that runs a background turn has to know beside the items; null once the turn is settled.
ADD COLUMN job json,
-- Who works on a turn holds the lease of this number, and settles only while it is still his.
ADD COLUMN lease_epoch integer NOT NULL DEFAULT 1,
-- What was said so far, written only while Valkey is away.
ADD COLUMN checkpoint jsonb,
ADD COLUMN idempotency_key text CHECK (length(idempotency_key) BETWEEN 1 AND 255),
-- SHA-256 of the request, by which the same request is known when it comes again.
ADD COLUMN request_hash bytea CHECK (length(request_hash) = 32),
ADD COLUMN receipt jsonb,
DROP CONSTRAINT responses_status_check,
ADD CONSTRAINT responses_status_check CHECK (
    status IN ('queued', 'in_progress', 'completed', 'incomplete', 'cancelled', 'failed')
),
DROP CONSTRAINT responses_check,
ADD CONSTRAINT responses_check CHECK ((status IN ('queued', 'in_progress')) = (settled_at IS NULL));

CREATE UNIQUE INDEX responses_unsettled ON responses (user_id, conversation_id)
WHERE status IN ('queued', 'in_progress');

CREATE UNIQUE INDEX responses_idempotency ON responses (user_id, idempotency_key) WHERE idempotency_key IS NOT NULL;

-- A response that is deleted leaves what it said in the conversation it belongs to.
ALTER TABLE items
DROP CONSTRAINT items_user_id_response_id_fkey,
ADD CONSTRAINT items_user_id_response_id_fkey
FOREIGN KEY (user_id, response_id) REFERENCES responses ON DELETE SET NULL (response_id),
DROP CONSTRAINT items_type_check,
ADD CONSTRAINT items_type_check CHECK (
    type IN ('message', 'function_call', 'function_call_output', 'reasoning')
);

-- A conversation and the items its next prompt is made of: those from a sequence on, or from where its window starts, and
-- the instructions before it; one row with no item where there is none. It acts for the owner with the caller's own rights,
-- as the functions below: what is one function is one round trip and not four.
CREATE FUNCTION read_conversation(owner_id uuid, wanted_id uuid, from_sequence bigint) RETURNS TABLE (
    next_sequence bigint, window_start bigint, is_busy boolean, read_at timestamptz, is_listed boolean, has_title boolean,
    item_id uuid, sequence bigint, type text, role text, status text, content jsonb, response_id uuid,
    token_count integer, tokenizer text, created_at timestamptz
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
        shown.token_count, shown.tokenizer, shown.created_at
    FROM conversations AS talk
    LEFT JOIN LATERAL (
        SELECT * FROM items
        WHERE items.user_id = owner_id AND items.conversation_id = wanted_id
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
        item.content, item.token_count, CASE WHEN item.token_count IS NOT NULL THEN turn ->> 'model' END
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
    INSERT INTO items
        (user_id, item_id, conversation_id, sequence, response_id, type, role, status, content, token_count, tokenizer)
    SELECT
        owner_id, item.item_id, in_conversation, first_sequence + item.position - 1, turn_id, item.type, item.role,
        item.status, item.content, item.token_count, CASE WHEN item.token_count IS NOT NULL THEN outcome ->> 'model' END
    FROM json_to_recordset(new_items) AS item
        (position integer, item_id uuid, type text, role text, status text, content jsonb, token_count integer);
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

-- The jobs settle turns: what was asked, and on what terms, is none of their business.
REVOKE SELECT, UPDATE ON responses FROM parley_jobs;
GRANT SELECT (
    user_id, response_id, conversation_id, output_item_id, model, status, created_at, is_background, lease_epoch, checkpoint,
    idempotency_key
),
UPDATE (
    status, finish_reason, error_code, prompt_tokens, cached_tokens, completion_tokens, settled_at, receipt, checkpoint, job,
    idempotency_key, lease_epoch
) ON responses TO parley_jobs;
