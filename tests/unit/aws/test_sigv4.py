"""Our signatures are botocore's, for whatever is signed."""

import string
from datetime import UTC, datetime, timedelta, timezone
from urllib.parse import quote, urlencode

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from parley.kit.sigv4 import Credentials, Signer
from tests.unit.aws.botocore_signer import headers_by_botocore, url_by_botocore

NOW = datetime(2026, 11, 22, 12, 0, 1, tzinfo=UTC)
ROLE = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "token/with+signs==")

_word = st.text(string.ascii_letters + string.digits + "-", min_size=1, max_size=12)
_anything = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
credentials = st.builds(
    Credentials,
    st.text(string.ascii_uppercase + string.digits, min_size=16, max_size=20),
    st.text(string.ascii_letters + string.digits + "/+", min_size=1, max_size=40),
    st.text(string.ascii_letters + string.digits + "/+=", max_size=80),
)
scopes = st.tuples(st.sampled_from(["us-east-1", "eu-central-1", "ap-southeast-2"]), _word)
times = st.integers(0, 2**32).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
hosts = st.one_of(_word.map(lambda name: f"{name}.Example.com"), st.just("[::1]"), st.just("127.0.0.1"))
ports = st.sampled_from(["", ":80", ":443", ":5432", ":8443"])
paths = st.lists(st.one_of(_anything.map(quote), st.sampled_from(["", ".", "..", "~a", "a b", "%2F"])), max_size=4).map(
    lambda segments: "".join(f"/{segment}" for segment in segments)
)
queries = st.lists(st.tuples(_anything, _anything), max_size=5).map(lambda pairs: urlencode(pairs, quote_via=quote))
bare_urls = st.builds(
    lambda scheme, host, port, path: f"{scheme}://{host}{port}{path}",
    st.sampled_from(["http", "https"]),
    hosts,
    ports,
    paths,
)
urls = st.builds(lambda url, query: f"{url}?{query}" if query else url, bare_urls, queries)
header_values = st.text(string.printable.replace("\r", "").replace("\n", "").replace("\x0b", ""), max_size=30)
headers = st.dictionaries(_word.map(str.lower).map(lambda name: f"x-{name}"), header_values, max_size=5)
extra_headers = st.sampled_from(
    [
        {},
        {"User-Agent": "tests"},
        {"Expect": "100-continue"},
        {"Content-Type": "application/x-amz-json-1.1"},
        {"X-Amz-Date": "19700101T000000Z", "Authorization": "old"},
        {"x-amz-security-token": "old"},
    ]
)


@given(credentials, scopes, st.sampled_from(["GET", "post", "PUT"]), urls, headers, extra_headers, st.binary(), times)
@example(ROLE, ("r", "s"), "GET", "https://h/?a=1&a-=2&a=0", {}, {}, b"", NOW)
def test_headers_are_signed_as_botocore_does(
    keys: Credentials,
    scope: tuple[str, str],
    method: str,
    url: str,
    fields: dict[str, str],
    extra: dict[str, str],
    body: bytes,
    now: datetime,
) -> None:
    # A role's token replaces what the caller set; of a user's keys there is none, and nobody else may bring one.
    assume(keys.session_token or "x-amz-security-token" not in extra)
    sent = {**fields, **extra}

    ours = Signer(keys, *scope).sign_headers(method, url, sent, body, now)

    assert _lowered(ours) == _lowered(headers_by_botocore(keys, scope, (method, url, sent, body), now))


@given(
    credentials,
    scopes,
    bare_urls,
    # A caller has no business to bring the names that signing itself adds.
    st.dictionaries(
        _anything.filter(lambda name: name and not name.lower().startswith("x-amz-")), _anything, max_size=4
    ),
    st.integers(1, 604_800),
    times,
)
def test_urls_are_signed_as_botocore_does(
    keys: Credentials, scope: tuple[str, str], url: str, query: dict[str, str], expires_s: int, now: datetime
) -> None:
    asked = f"{url}?{urlencode(query, quote_via=quote)}" if query else url

    ours = Signer(keys, *scope).presign("GET", asked, expires_s, now)

    assert ours == url_by_botocore(keys, scope, "GET", asked, expires_s, now)


@pytest.mark.parametrize("query", ["X-Amz-Date=1", "x-amz-expires=9", "a=1&a=2"])
def test_a_query_that_would_mean_two_things_is_not_signed(query: str) -> None:
    with pytest.raises(ValueError, match="once"):
        Signer(ROLE, "us-east-1", "rds-db").presign("GET", f"https://db/?{query}", 900, NOW)


def test_what_is_secret_is_in_no_repr() -> None:
    shown = repr(Signer(ROLE, "us-east-1", "rds-db"))

    assert "wJalr" not in shown
    assert "token" not in shown.replace("session_token", "")


@pytest.mark.parametrize("now", [NOW.replace(tzinfo=None), NOW.astimezone(timezone(timedelta(hours=1)))])
def test_a_time_that_is_not_utc_is_refused(now: datetime) -> None:
    with pytest.raises(ValueError, match="UTC"):
        Signer(ROLE, "us-east-1", "rds-db").presign("GET", "https://db/", 900, now)


def _lowered(fields: dict[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in fields.items()}
