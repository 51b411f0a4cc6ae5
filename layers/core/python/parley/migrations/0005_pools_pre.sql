-- Turns that another pool's model answers, counts that models of one tokenizer share, and what a turn costs.

ALTER TABLE responses ADD COLUMN cost_usd_micros bigint CHECK (cost_usd_micros >= 0);

GRANT UPDATE (model, cost_usd_micros) ON responses TO parley_jobs;

-- The code before this one names no tokenizer: its counts stand under the model's name, as they did.
CREATE OR REPLACE FUNCTION record_turn(
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
