"""The chat function's database, seen by its owner: conversations made beforehand, statements counted, answers checked after."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import psycopg

from bench import script
from local.parts import EmbeddedPostgres
from parley.ids import conversation_wire_id

_APP_ROLE = "parley_app"


@dataclass(frozen=True, slots=True)
class Statements:
    """What the chat function has asked the database so far. `in_all` counts BEGIN, COMMIT and ROLLBACK as well.

    A call of a function of the schema is one; the statements in the function's body are `inside`.
    """

    in_all: int
    transactions: int
    inside: int

    def __sub__(self, earlier: "Statements") -> "Statements":
        return Statements(
            self.in_all - earlier.in_all, self.transactions - earlier.transactions, self.inside - earlier.inside
        )


@contextmanager
def counting_postgres(home: Path) -> Iterator[EmbeddedPostgres]:
    """The real embedded Postgres, durable as in the stack, that counts statements from its start."""
    with EmbeddedPostgres(home) as postgres, psycopg.connect(postgres.owner_url, autocommit=True) as owner:
        owner.execute("ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'")
        owner.execute("ALTER SYSTEM SET pg_stat_statements.track = 'all'")  # what functions run inside as well
    with EmbeddedPostgres(home) as postgres:
        with psycopg.connect(postgres.owner_url, autocommit=True) as owner:
            owner.execute("CREATE EXTENSION pg_stat_statements")
        yield postgres


@dataclass(frozen=True, slots=True)
class Ledger:
    """The tables behind the chat function, for before and after. It sees every user's rows."""

    url: str

    def make_conversations(self, user_ids: Sequence[UUID], count: int) -> dict[UUID, list[str]]:
        """Empty conversations, `count` for each user, as the history function would make them; their ids on the wire."""
        with psycopg.connect(self.url) as owner:
            owner.execute("INSERT INTO users (user_id) SELECT unnest(%s::uuid[]) ON CONFLICT DO NOTHING", (user_ids,))
            rows = owner.execute(
                """
                INSERT INTO conversations (user_id, conversation_id)
                SELECT user_id, uuidv7() FROM unnest(%s::uuid[]) AS owners (user_id), generate_series(1, %s)
                RETURNING user_id, conversation_id
                """,
                (user_ids, count),
            ).fetchall()
        made: dict[UUID, list[str]] = {user_id: [] for user_id in user_ids}
        for user_id, conversation_id in rows:
            made[user_id].append(conversation_wire_id(conversation_id))
        return made

    def count_statements(self) -> Statements:
        with psycopg.connect(self.url) as owner:
            row = owner.execute(
                """
                SELECT COALESCE(sum(calls) FILTER (WHERE toplevel), 0)::bigint,
                    COALESCE(sum(calls) FILTER (WHERE toplevel AND query ~* '^(begin|commit|rollback)'), 0)::bigint,
                    COALESCE(sum(calls) FILTER (WHERE NOT toplevel), 0)::bigint
                FROM pg_stat_statements
                WHERE userid = %s::regrole
                """,
                (_APP_ROLE,),
            ).fetchone()
        assert row is not None
        return Statements(*row)

    def settled_whole(self) -> int:
        """Turns that are settled as completed with the very answer to the question stored before it.

        Raises: AssertionError for a turn that is stored in any other way.
        """
        with psycopg.connect(self.url) as owner:
            rows = owner.execute(
                """
                SELECT responses.status, said.status, asked.content, said.content
                FROM responses
                LEFT JOIN items AS said
                    ON said.user_id = responses.user_id AND said.item_id = responses.output_item_id
                LEFT JOIN items AS asked
                    ON asked.user_id = said.user_id AND asked.conversation_id = said.conversation_id
                        AND asked.sequence = said.sequence - 1
                """
            ).fetchall()
        for status, item_status, asked, said in rows:
            assert (status, item_status) == ("completed", "completed"), f"a turn is stored as {status}, {item_status}"
            assert _text(said) == script.answer(_text(asked)), "a stored answer is not the whole answer to its question"
        return len(rows)


def _text(content: dict[str, list[str]]) -> str:
    return "".join(content["texts"])
