"""The issuer's files: what a crash leaves, and what two processes do to each other."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from local.oidc.keys import load_key
from local.oidc.model import person_named
from local.oidc.store import IssuerStore
from local.oidc.tokens import issuer_folder

SIGN_IN_AND_DIE = """
import os, signal, sys
from pathlib import Path
from local.oidc.model import person_named
from local.oidc.store import IssuerStore
print(IssuerStore(Path(sys.argv[1])).open_session(person_named("ada")), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_sign_in_survives_the_death_of_its_process(tmp_path):
    folder = issuer_folder(tmp_path)

    died = subprocess.run(
        [sys.executable, "-c", SIGN_IN_AND_DIE, str(folder)], capture_output=True, text=True, check=False
    )

    session = IssuerStore(folder).session(died.stdout.strip())
    assert session is not None
    assert session.person.name == "ada"


def test_processes_that_start_at_once_share_one_key(tmp_path):
    with ThreadPoolExecutor(4) as pool:
        keys = list(pool.map(load_key, [tmp_path] * 4))

    assert len({key.jwk["kid"] for key in keys}) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["key.pem"]


def test_stores_that_write_at_once_lose_nothing(tmp_path):
    folder = issuer_folder(tmp_path)

    def sign_in(index: int) -> str:
        return IssuerStore(folder).open_session(person_named(f"user {index}"))

    with ThreadPoolExecutor(8) as pool:
        cookies = list(pool.map(sign_in, range(24)))

    store = IssuerStore(folder)
    assert all(store.session(cookie) for cookie in cookies)


def test_the_form_suggests_the_latest_names_first(tmp_path):
    times = iter(range(1000, 2000))
    store = IssuerStore(issuer_folder(tmp_path), lambda: next(times))
    for name in ("Ada", "Grace", "ada"):
        store.remember(person_named(name))

    assert store.names() == ["ada", "Grace"]
