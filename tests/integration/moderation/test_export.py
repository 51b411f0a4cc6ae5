"""`parley reviews export`, against a server that pages as the API of reviews does."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from click.testing import CliRunner, Result

from local.cli import main
from local.recalibration.export import ExportError, LabelsOf
from local.recalibration.labels import read_labels

TOKEN = "a.reviewers.token"


def make_label(number: int, text: str = "what somebody wrote") -> dict[str, Any]:
    return {
        "object": "review.label",
        "review_id": f"rev_{number:032x}",
        "side": "output" if number % 2 else "input",
        "text": text,
        "label": "approved" if number % 3 else "upheld",
        "categories": ["hate"],
        "scores": {"hate": 0.9},
        "versions": {"keywords": "k1", "classifier": "c1"},
        "decided_at": 1_795_000_000 + number,
    }


@dataclass(slots=True)
class Reviews:
    """The labels that there are, and answers that come before the right one."""

    labels: list[dict[str, Any]]
    first: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list[tuple[int, dict[str, str], bytes]])
    asked: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    url: str = ""

    def answer(self, path: str, token: str) -> tuple[int, dict[str, str], bytes]:
        query = {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}
        self.asked.append({"path": urlsplit(path).path, "authorization": token, **query})
        if self.first:
            return self.first.pop(0)
        limit = int(query["limit"])
        ids = [each["review_id"] for each in self.labels]
        start = ids.index(query["after"]) + 1 if "after" in query else 0
        page = self.labels[start : start + limit]
        has_more = start + limit < len(self.labels)
        return 200, {}, json.dumps({"object": "list", "data": page, "has_more": has_more}).encode()


@pytest.fixture
def reviews() -> Iterator[Reviews]:
    served = Reviews([])

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, body = served.answer(self.path, self.headers.get("authorization", ""))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 the framework's own
            """Nothing: the output is a test's."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        served.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield served
        server.shutdown()
        thread.join()


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    return file


def export(url: str, token_file: Path) -> Result:
    words = ["reviews", "export", "--url", url, "--token-file", str(token_file)]
    return CliRunner(env={"PARLEY_HOME": str(token_file.parent)}).invoke(main, words)


def error(code: str, message: str) -> bytes:
    return json.dumps({"error": {"message": message, "type": "x", "param": None, "code": code}}).encode()


@pytest.mark.parametrize("number", [0, 1, 500, 501, 1200])
def test_all_pages_are_printed_a_label_a_line_and_can_be_read_again(
    reviews: Reviews, token_file: Path, tmp_path: Path, number: int
) -> None:
    reviews.labels = [make_label(each, "line\none \u2028 \U0001f469\u200d\U0001f467 \u202e") for each in range(number)]

    result = export(f"{reviews.url}/", token_file)

    assert result.exit_code == 0, result.output
    assert [json.loads(line) for line in result.stdout.splitlines()] == reviews.labels
    assert result.stderr.splitlines()[-1] == f"{number} labels"
    assert {each["path"] for each in reviews.asked} == {"/v1/admin/reviews/labels"}
    assert {each["authorization"] for each in reviews.asked} == {f"Bearer {TOKEN}"}
    if number:
        file = tmp_path / "labels.jsonl"
        file.write_text(result.stdout)
        assert len(read_labels(file).comparable) == number


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (401, b"", "401: the token is not accepted"),
        (403, error("permission_denied", "No."), "403: the token's owner is no reviewer"),
        (404, b"<html>", "404: there are no reviews at this address"),
        (400, error("invalid_request", "limit: too high"), "400: limit: too high"),
        (302, b"", "302: the address sends one on to https://elsewhere.example.com/"),
        (200, b"<html>Welcome</html>", "this is no JSON"),
        (200, b'{"hello": 1}', "this is no list of labels"),
        (200, b"[]", "this is no list of labels"),
        (200, b'{"data": [], "has_more": true}', "goes on and says no more"),
    ],
)
def test_what_goes_wrong_is_said_in_plain_words(
    reviews: Reviews, token_file: Path, status: int, body: bytes, said: str
) -> None:
    headers = {"location": "https://elsewhere.example.com/"} if status == 302 else {}
    reviews.first = [(status, headers, body)]

    result = export(reviews.url, token_file)

    assert result.exit_code == 1
    assert result.stderr.startswith("Error: After 0 labels: ")
    assert said in result.stderr
    assert TOKEN not in result.output
    assert len(reviews.asked) == 1


def test_who_is_asked_to_wait_waits_and_asks_again(reviews: Reviews) -> None:
    reviews.labels = [make_label(1)]
    reviews.first = [
        (429, {"retry-after": "7"}, b""),
        (503, {}, b""),
        (503, {"retry-after": "600"}, b""),
        (502, {"retry-after": "soon"}, b""),
    ]
    waited_s: list[float] = []

    pages = list(LabelsOf(reviews.url, TOKEN, sleep=waited_s.append).pages())

    assert pages == [reviews.labels]
    assert waited_s == [7, 4, 60, 16]


def test_a_server_that_stays_away_ends_it(reviews: Reviews) -> None:
    reviews.first = [(503, {}, error("unavailable", "The database is away."))] * 9

    with pytest.raises(ExportError, match="503: The database is away"):
        list(LabelsOf(reviews.url, TOKEN, sleep=lambda _: None).pages())

    assert len(reviews.asked) == 5


def test_nobody_at_the_address_is_said(reviews: Reviews) -> None:
    with pytest.raises(ExportError, match="does not answer"):
        list(LabelsOf("http://127.0.0.1:9", TOKEN, sleep=lambda _: None).pages())


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://chat.example.com", "over https only"),
        ("chat.example.com", "is no address such as"),
        ("ftp://chat.example.com", "is no address such as"),
        ("https://", "is no address such as"),
    ],
)
def test_a_token_is_sent_to_no_address_where_others_read_it(token_file: Path, url: str, said: str) -> None:
    result = export(url, token_file)

    assert (result.exit_code, said in result.stderr) == (1, True)


@pytest.mark.parametrize("token", ["", " \n", "two words", "bad\x00token", "umlautü"])
def test_a_file_without_a_token_is_said(token_file: Path, token: str) -> None:
    token_file.write_text(token)

    result = export("https://chat.example.com", token_file)

    assert (result.exit_code, "holds no token" in result.stderr) == (1, True)
