-- The schema as it is today: what all migrations add up to, in one file to read. A test compares the two, and nothing runs
-- this file but that test: change the schema by a new migration, and this file with it.
--
-- Every table is keyed by user_id first: row-level security filters on it, and hash partitioning or sharding by user needs
-- no rewrite. Policies name the roles: parley_app sees the rows of the user its transaction acts for, parley_jobs the rows
-- it has to settle, parley_review nothing yet. None of them owns a table or may bypass a policy.

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
        FOREACH role_name IN ARRAY ARRAY['parley_app', 'parley_jobs', 'parley_auth'] LOOP
            EXECUTE format('ALTER ROLE %I LOGIN', role_name);
            EXECUTE format('GRANT rds_iam TO %I', role_name);
        END LOOP;
    END IF;
END
$$;
