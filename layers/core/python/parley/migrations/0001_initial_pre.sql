-- Users, conversations, their items, and the responses of the assistant.
--
-- Every table is keyed by user_id first: row-level security filters on it, and hash partitioning or sharding by user needs
-- no rewrite. Policies name the roles: parley_app sees the rows of the user its transaction acts for, parley_jobs the rows
-- it has to settle, parley_review nothing yet. None of them owns a table or may bypass a policy.

DO $$
DECLARE
    role_name text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY['parley_app', 'parley_jobs', 'parley_review'] LOOP
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
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, conversation_id)
);

CREATE INDEX conversations_by_activity ON conversations (user_id, updated_at DESC, conversation_id DESC);

CREATE TABLE responses (
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    response_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    -- The id the answer's item will have once it is settled.
    output_item_id uuid NOT NULL,
    model text NOT NULL,
    status text NOT NULL CHECK (
        status IN ('in_progress', 'completed', 'incomplete', 'cancelled', 'failed')
    ),
    finish_reason text,
    error_code text,
    prompt_tokens integer CHECK (prompt_tokens >= 0),
    cached_tokens integer CHECK (cached_tokens >= 0),
    completion_tokens integer CHECK (completion_tokens >= 0),
    created_at timestamptz NOT NULL DEFAULT now(),
    settled_at timestamptz,
    PRIMARY KEY (user_id, response_id),
    FOREIGN KEY (user_id, conversation_id) REFERENCES conversations ON DELETE CASCADE,
    CHECK ((status = 'in_progress') = (settled_at IS NULL))
);

-- One turn at a time in a conversation: two would interleave their items.
CREATE UNIQUE INDEX responses_in_progress ON responses (user_id, conversation_id)
WHERE status = 'in_progress';

CREATE INDEX responses_by_conversation ON responses (user_id, conversation_id);

CREATE TABLE items (
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    item_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    sequence bigint NOT NULL,
    -- The response that wrote the item; null for what the user said.
    response_id uuid,
    type text NOT NULL CHECK (type IN ('message', 'function_call', 'function_call_output')),
    role text CHECK (role IN ('system', 'developer', 'user', 'assistant')),
    status text NOT NULL CHECK (status IN ('completed', 'incomplete')),
    content jsonb NOT NULL,
    -- Counted by the tokenizer named beside it; null until some tokenizer has.
    token_count integer CHECK (token_count >= 0),
    tokenizer text,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, item_id),
    UNIQUE (user_id, conversation_id, sequence),
    FOREIGN KEY (user_id, conversation_id) REFERENCES conversations ON DELETE CASCADE,
    FOREIGN KEY (user_id, response_id) REFERENCES responses ON DELETE CASCADE,
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
GRANT SELECT, UPDATE ON responses TO parley_jobs;
-- Only what appending an answer needs: titles and metadata are none of its business.
GRANT SELECT (user_id, conversation_id, next_sequence), UPDATE (next_sequence, updated_at) ON conversations TO parley_jobs;
GRANT INSERT ON items TO parley_jobs;
