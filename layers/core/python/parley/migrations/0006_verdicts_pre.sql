-- What moderation found in an item, and whether it was blocked: such an item stands in the conversation and in no prompt.

ALTER TABLE items ADD COLUMN verdict jsonb, ADD COLUMN is_blocked boolean NOT NULL DEFAULT false;

-- The code before this one names the columns it reads, and does not miss the new one.
DROP FUNCTION read_conversation(uuid, uuid, bigint);

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
        shown.token_count, shown.tokenizer, shown.created_at, shown.verdict IS NOT NULL
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
        (user_id, item_id, conversation_id, sequence, response_id, type, role, status, content, token_count, tokenizer)
    SELECT
        owner_id, item.item_id, in_conversation, first_sequence + item.position - 1, turn_id, item.type, item.role,
        item.status, item.content, item.token_count, CASE WHEN item.token_count IS NOT NULL THEN COALESCE(outcome ->> 'tokenizer', outcome ->> 'model') END
    FROM json_to_recordset(new_items) AS item
        (position integer, item_id uuid, type text, role text, status text, content jsonb, token_count integer);
    RETURN true;
END
$$;
