"""The issuer's memory: one SQLite file, so that a crash loses nothing and `parley token` may write beside the gateway.

Only hashes of codes, cookies and refresh tokens are kept. Every table is bounded: the oldest rows go first.
"""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from local.oidc.model import CODE_S, SESSION_S, Code, Grant, Person, Session
from parley.accounts.model import Role, Tier

_SCHEMA = """
CREATE TABLE IF NOT EXISTS homes (id TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS people (subject TEXT PRIMARY KEY, name TEXT NOT NULL, seen_at INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS sessions (
    hash TEXT PRIMARY KEY, subject TEXT NOT NULL, name TEXT NOT NULL, tier TEXT NOT NULL, roles TEXT NOT NULL,
    signed_in_at INTEGER NOT NULL, expires_at INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS codes (
    hash TEXT PRIMARY KEY, session TEXT NOT NULL REFERENCES sessions ON DELETE CASCADE, family TEXT NOT NULL,
    scope TEXT NOT NULL, nonce TEXT, redirect_uri TEXT NOT NULL, challenge TEXT NOT NULL, expires_at INTEGER NOT NULL,
    used INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS refresh_tokens (
    hash TEXT PRIMARY KEY, session TEXT NOT NULL REFERENCES sessions ON DELETE CASCADE, family TEXT NOT NULL,
    scope TEXT NOT NULL, expires_at INTEGER NOT NULL, used INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS refresh_tokens_session ON refresh_tokens (session);
CREATE INDEX IF NOT EXISTS refresh_tokens_family ON refresh_tokens (family);
CREATE INDEX IF NOT EXISTS codes_session ON codes (session);
"""
_TRIM = (
    "DELETE FROM people WHERE rowid NOT IN (SELECT rowid FROM people ORDER BY seen_at DESC, rowid DESC LIMIT 1000)",
    "DELETE FROM sessions WHERE expires_at <= :now",
    "DELETE FROM sessions WHERE rowid <= (SELECT max(rowid) FROM sessions) - 1000",
    # A used code stays until long after its time, so that whoever presents it again is caught.
    "DELETE FROM codes WHERE expires_at <= :now - 3600",
    "DELETE FROM codes WHERE rowid <= (SELECT max(rowid) FROM codes) - 1000",
    "DELETE FROM refresh_tokens WHERE expires_at <= :now",
    "DELETE FROM refresh_tokens WHERE rowid <= (SELECT max(rowid) FROM refresh_tokens) - 5000",
)
_SESSION_COLUMNS = "s.hash, s.subject, s.name, s.tier, s.roles, s.signed_in_at"


class IssuerStore:
    """What the issuer knows, in `folder`. Every method is one transaction and may be called from any thread."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = folder / "issuer.sqlite3"
        self._path.touch(mode=0o600)
        self._clock = clock
        with self._transaction() as database:
            for statement in _SCHEMA.split(";"):
                database.execute(statement)
            database.execute(
                "INSERT INTO homes SELECT ? WHERE NOT EXISTS (SELECT 1 FROM homes)", (secrets.token_hex(4),)
            )

    def home_id(self) -> str:
        """Tells two stacks on one host apart: cookies know hosts, but no ports."""
        with self._transaction() as database:
            return str(database.execute("SELECT id FROM homes").fetchone()[0])

    def remember(self, person: Person) -> None:
        """Keep the name for the sign-in form's suggestions."""
        with self._transaction() as database:
            self._remember(database, person)

    def names(self) -> list[str]:
        """The names of the latest people, the latest first."""
        with self._transaction() as database:
            rows = database.execute("SELECT name FROM people ORDER BY seen_at DESC, rowid DESC LIMIT 8").fetchall()
        return [str(row[0]) for row in rows]

    def open_session(self, person: Person) -> str:
        """Sign `person` in; the result is the cookie's value."""
        cookie, now = secrets.token_urlsafe(32), int(self._clock())
        roles = ",".join(sorted(person.roles))
        row = (_hash(cookie), person.subject, person.name, person.tier.value, roles, now, now + SESSION_S)
        with self._transaction() as database:
            database.execute("INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?, ?)", row)
            self._remember(database, person)
            self._trim(database)
        return cookie

    def session(self, cookie: str) -> Session | None:
        """The running session of a cookie."""
        with self._transaction() as database:
            row = database.execute(
                f"SELECT {_SESSION_COLUMNS} FROM sessions s WHERE hash = ? AND expires_at > ?",  # noqa: S608 - constant
                (_hash(cookie), int(self._clock())),
            ).fetchone()
        return _session(row) if row else None

    def close_session(self, cookie: str) -> None:
        """Sign out: its codes and refresh tokens go with it."""
        with self._transaction() as database:
            database.execute("DELETE FROM sessions WHERE hash = ?", (_hash(cookie),))

    def add_code(self, session: Session, *, scope: str, nonce: str | None, redirect_uri: str, challenge: str) -> str:
        """A fresh authorization code."""
        code, expires_at = secrets.token_urlsafe(32), int(self._clock()) + CODE_S
        row = (_hash(code), session.key, secrets.token_hex(16), scope, nonce, redirect_uri, challenge, expires_at)
        with self._transaction() as database:
            database.execute(
                "INSERT INTO codes (hash, session, family, scope, nonce, redirect_uri, challenge, expires_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                row,
            )
            self._trim(database)
        return code

    def take_code(self, code: str) -> Code | None:
        """What a code stands for, once. A second try ends every token of its family (OAuth 2.1, 4.1.3)."""
        with self._transaction() as database:
            row = database.execute(
                f"SELECT {_SESSION_COLUMNS}, c.family, c.scope, c.nonce, c.redirect_uri, c.challenge, c.used, c.expires_at"  # noqa: S608
                " FROM codes c JOIN sessions s ON s.hash = c.session WHERE c.hash = ? AND s.expires_at > ?",
                (_hash(code), int(self._clock())),
            ).fetchone()
            if row is None:
                return None
            *_, redirect_uri, challenge, used, expires_at = row
            if used:
                self._end_family(database, row[6])
            if used or expires_at <= self._clock():
                return None
            database.execute("UPDATE codes SET used = 1 WHERE hash = ?", (_hash(code),))
        return Code(Grant(_session(row), row[6], row[7], row[8]), redirect_uri, challenge)

    def add_refresh_token(self, grant: Grant) -> str:
        """A refresh token for the grant of a code."""
        with self._transaction() as database:
            return self._add_refresh_token(database, grant)

    def rotate_refresh_token(self, token: str) -> tuple[Grant, str] | None:
        """The grant of a refresh token and its successor. One that was used before ends its whole family (OAuth 2.1, 4.3.1)."""
        with self._transaction() as database:
            row = database.execute(
                f"SELECT {_SESSION_COLUMNS}, r.family, r.scope, r.used FROM refresh_tokens r"  # noqa: S608 - constant
                " JOIN sessions s ON s.hash = r.session WHERE r.hash = ? AND r.expires_at > ? AND s.expires_at > ?",
                (_hash(token), int(self._clock()), int(self._clock())),
            ).fetchone()
            if row is None:
                return None
            grant = Grant(_session(row), row[6], row[7])
            if row[8]:
                self._end_family(database, grant.family)
                return None
            database.execute("UPDATE refresh_tokens SET used = 1 WHERE hash = ?", (_hash(token),))
            return grant, self._add_refresh_token(database, grant)

    def _add_refresh_token(self, database: sqlite3.Connection, grant: Grant) -> str:
        token, expires_at = secrets.token_urlsafe(32), int(self._clock()) + SESSION_S
        database.execute(
            "INSERT INTO refresh_tokens (hash, session, family, scope, expires_at) VALUES (?, ?, ?, ?, ?)",
            (_hash(token), grant.session.key, grant.family, grant.scope, expires_at),
        )
        self._trim(database)
        return token

    def _end_family(self, database: sqlite3.Connection, family: str) -> None:
        database.execute("DELETE FROM refresh_tokens WHERE family = ?", (family,))

    def _remember(self, database: sqlite3.Connection, person: Person) -> None:
        database.execute(
            "INSERT INTO people VALUES (?, ?, ?)"
            " ON CONFLICT (subject) DO UPDATE SET name = excluded.name, seen_at = excluded.seen_at",
            (person.subject, person.name, int(self._clock())),
        )

    def _trim(self, database: sqlite3.Connection) -> None:
        for statement in _TRIM:
            database.execute(statement, {"now": int(self._clock())} if ":now" in statement else {})

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """A connection of its own, one write transaction, committed unless the block raises."""
        database = sqlite3.connect(self._path, timeout=10, isolation_level=None)
        try:
            database.execute("PRAGMA foreign_keys = ON")
            database.execute("BEGIN IMMEDIATE")
            with database:
                yield database
        finally:
            database.close()


def _session(row: tuple[str | int, ...]) -> Session:
    key, subject, name, tier, roles, signed_in_at = row[:6]
    held = frozenset(Role(role) for role in str(roles).split(",") if role)
    return Session(str(key), Person(str(subject), str(name), Tier(str(tier)), held), int(signed_in_at))


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
