"""The embedded parts of the local stack, each usable alone as a context manager.

    with temporary_home() as home, EmbeddedPostgres(home) as postgres:
        psycopg.connect(postgres.owner_url)                 # superuser, owns the schema; migrations have run
        psycopg.connect(postgres.url_for("parley_app"))     # also "parley_jobs", "parley_review", "parley_auth"

    with EmbeddedValkey(home) as valkey:                    # a one-node cluster; needs a password
        redis.cluster.RedisCluster.from_url(valkey.url, password=valkey.password_file.read_text())

    with EmbeddedEngine(home) as engine:                    # llama.cpp's OpenAI-compatible server
        httpx.get(engine.url + "/models")                   # `url` ends in /v1; `model` is the model's name

`home` is the folder of data, passwords and logs (`logs/<part>.log`), made by `temporary_home()` or `make_home(path)`; a
second start on it finds the data of the first.
Parts listen on 127.0.0.1 and a free port. Database URLs hold no password but the path of a libpq password file.
`durable=False` skips fsync: for tests.
"""

from local.parts.engine import EmbeddedEngine
from local.parts.home import make_home, temporary_home
from local.parts.postgres import EmbeddedPostgres
from local.parts.process import PartError
from local.parts.valkey import EmbeddedValkey

__all__ = ["EmbeddedEngine", "EmbeddedPostgres", "EmbeddedValkey", "PartError", "make_home", "temporary_home"]
