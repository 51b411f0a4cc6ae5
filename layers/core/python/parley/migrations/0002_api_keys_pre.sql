-- API keys, and the one thing the authorizer may do with them.
--
-- parley_auth, the authorizer's login, may call find_api_key and reach no table: whoever takes it over can try hashes and
-- read nothing. parley_keys owns that function and nobody logs in as it: the function's rights are what is granted here, not
-- those of the schema's owner.

DO $$
DECLARE
    role_name text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY['parley_auth', 'parley_keys'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN NOSUPERUSER NOBYPASSRLS', role_name);
        END IF;
        EXECUTE format('GRANT %I TO CURRENT_USER', role_name);
        EXECUTE format('GRANT USAGE ON SCHEMA public TO %I', role_name);
    END LOOP;
END
$$;

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
