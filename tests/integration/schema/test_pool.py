"""The pool outlives its connections: after a failover or a thaw, the next request does not see it."""

import psycopg

from local.parts import EmbeddedPostgres
from parley.kit import postgres as kit


async def test_connections_that_died_while_idle_are_replaced_unseen(postgres: EmbeddedPostgres) -> None:
    async with kit.open_pool(postgres.url_for("parley_app"), size=1) as pool:
        async with pool.connection() as connection:
            pid = connection.info.backend_pid
        with psycopg.connect(postgres.owner_url) as owner:
            owner.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))

        await kit.ping(pool)  # its last use is unknown, so it is asked before it is trusted
