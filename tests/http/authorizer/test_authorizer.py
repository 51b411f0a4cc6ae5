"""The handler as API Gateway calls it, against a real discovery document and JWKS on loopback."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from lambdas.authorizer.main import create_handler
from parley.accounts.model import user_id_for
from parley.errors import IssuerUnavailable
from parley.settings import AuthorizerSettings
from tests.unit.accounts.issuer import CLIENT, RSA_KEY, claims, rsa_jwk, sign

METHOD_ARN = "arn:aws:execute-api:eu-central-1:123456789012:a1b2c3/live/POST/v1/chat/completions"


@pytest.fixture(scope="module")
def issuer_url() -> Iterator[str]:
    """An issuer on loopback that publishes `RSA_KEY` as `first`, and redirects `/moved` to its discovery document."""

    class Issuer(BaseHTTPRequestHandler):
        def do_GET(self):
            if self.path == "/moved":
                self.send_response(302)
                self.send_header("location", "/.well-known/openid-configuration")
                self.end_headers()
                return
            url = f"http://127.0.0.1:{server.server_port}"
            document = {"issuer": url, "jwks_uri": f"{url}/jwks"} if "well-known" in self.path else KEYS
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(document).encode())

        def log_message(self, format, *args):  # noqa: A002 - the name of the base class
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Issuer)
    with server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


KEYS = {"keys": [rsa_jwk("first", RSA_KEY)]}


def settings(issuer_url: str, discovery_url: str | None = None) -> AuthorizerSettings:
    # Tokens are judged without the database.
    return AuthorizerSettings(
        oidc_issuer=issuer_url,
        oidc_discovery_url=discovery_url,
        oidc_issuer_name="test",
        oidc_audience=CLIENT,
        database_url="postgresql://127.0.0.1:9/away",
    )


def event(*authorization: str, name: str = "Authorization", arn: str = METHOD_ARN) -> dict:
    return {
        "type": "REQUEST",
        "methodArn": arn,
        "headers": {name: authorization[-1]} if authorization else {},
        "multiValueHeaders": {name: list(authorization)} if authorization else {},
    }


def test_a_good_token_is_allowed_with_its_identity(issuer_url):
    token = sign(claims(iss=issuer_url, **{"cognito:groups": ["pro", "admin", "reviewer"]}))

    verdict = create_handler(settings(issuer_url))(event(f"Bearer {token}"), None)

    user_id = str(user_id_for("test", "ada"))
    assert verdict["principalId"] == user_id
    assert verdict["context"] == {"user_id": user_id, "tier": "pro", "roles": "admin,reviewer", "credential": "token"}


def test_the_policy_covers_every_route_of_the_stage_so_that_it_may_be_cached(issuer_url):
    verdict = create_handler(settings(issuer_url))(event(f"Bearer {sign(claims(iss=issuer_url))}"), None)

    assert verdict["policyDocument"]["Statement"] == [
        {
            "Action": "execute-api:Invoke",
            "Effect": "Allow",
            "Resource": "arn:aws:execute-api:eu-central-1:123456789012:a1b2c3/live/*/*",
        }
    ]


@pytest.mark.parametrize(
    ("name", "scheme"), [("authorization", "Bearer"), ("AUTHORIZATION", "bearer"), ("Authorization", "BEARER ")]
)
def test_header_names_and_the_scheme_may_be_spelt_in_any_case(issuer_url, name, scheme):
    token = sign(claims(iss=issuer_url))

    assert create_handler(settings(issuer_url))(event(f"{scheme} {token}", name=name), None)["principalId"]


def test_events_without_multi_value_headers_are_read_too(issuer_url):
    told = event(f"Bearer {sign(claims(iss=issuer_url))}") | {"multiValueHeaders": None}

    assert create_handler(settings(issuer_url))(told, None)["principalId"]


@pytest.mark.parametrize(
    "authorization",
    [
        (),
        ("",),
        ("Bearer",),
        ("Bearer ",),
        ("Bearer a.b.c",),
        ("Bearer a b",),
        ("Basic YTpi",),
        ("Bearer \x00",),
        ("Bearer ünïcode",),
        ("Bearer " + "a" * 100_000,),
    ],
)
def test_anything_else_is_what_api_gateway_calls_unauthorized(issuer_url, authorization):
    with pytest.raises(Exception, match=r"\AUnauthorized\Z"):
        create_handler(settings(issuer_url))(event(*authorization), None)


def test_two_authorization_headers_are_refused_even_when_one_is_good(issuer_url):
    good = f"Bearer {sign(claims(iss=issuer_url))}"

    with pytest.raises(Exception, match=r"\AUnauthorized\Z"):
        create_handler(settings(issuer_url))(event(good, "Bearer x.y.z"), None)


def test_an_expired_token_is_unauthorized(issuer_url):
    with pytest.raises(Exception, match=r"\AUnauthorized\Z"):
        create_handler(settings(issuer_url))(event(f"Bearer {sign(claims(iss=issuer_url, exp=1))}"), None)


def test_an_unreachable_issuer_is_not_unauthorized():
    handler = create_handler(settings("http://127.0.0.1:9"))

    with pytest.raises(IssuerUnavailable):
        handler(event(f"Bearer {sign(claims())}"), None)


def test_a_redirect_of_the_discovery_document_is_not_followed(issuer_url):
    handler = create_handler(settings(issuer_url, discovery_url=f"{issuer_url}/moved"))

    with pytest.raises(IssuerUnavailable):
        handler(event(f"Bearer {sign(claims(iss=issuer_url))}"), None)


def test_the_log_names_the_reason_and_never_the_token(issuer_url, caplog):
    token = sign(claims(iss=issuer_url, exp=1))

    with pytest.raises(Exception, match="Unauthorized"):
        create_handler(settings(issuer_url))(event(f"Bearer {token}"), None)

    logged = str([vars(record) for record in caplog.records])
    assert "The token has expired" in logged
    assert token.split(".")[1] not in logged
