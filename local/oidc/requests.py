"""Authorization requests, parsed once into a type that cannot be wrong (OpenID Connect Core, 3.1.2; PKCE: RFC 7636)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

from local.oidc.model import CLIENT_ID, Session
from local.oidc.origins import is_redirect_uri

Pairs = Sequence[tuple[str, str]]

SCOPES = ("openid", "profile", "email")
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
_PROMPTS = frozenset({"none", "login", "consent", "select_account"})
_VALUE_LIMIT = 2048


class Refused(Exception):
    """A request that names no address we may answer to: its sender gets a page, never a redirect."""


class ClientError(Exception):
    """An OAuth error for the client: `code` is one of RFC 6749's or OpenID Connect's words."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(description)
        self.code = code
        self.description = description


@dataclass(frozen=True, slots=True)
class ReturnAddress:
    """Where an authorization request is answered."""

    redirect_uri: str
    state: str | None

    def with_answer(self, **answer: str) -> str:
        """The redirect that carries `answer`."""
        state = {"state": self.state} if self.state is not None else {}
        return f"{self.redirect_uri}?{urlencode(answer | state)}"


@dataclass(frozen=True, slots=True)
class SignInRequest:
    """A valid authorization request."""

    scope: str
    challenge: str
    nonce: str | None
    prompts: frozenset[str]
    max_age_s: int | None
    login_hint: str

    def is_met_by(self, session: Session | None, now_s: float) -> bool:
        """Whether `session` answers it without the form."""
        if session is None or self.prompts & {"login", "select_account"}:
            return False
        return self.max_age_s is None or now_s - session.signed_in_at <= self.max_age_s


def parse_form(text: bytes) -> Pairs:
    """The fields of a query or form. Raises: ClientError for bytes that are neither."""
    try:
        return parse_qsl(text.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=50)
    except ValueError as error:
        raise ClientError("invalid_request", "The request is not form-encoded UTF-8.") from error


def single_values(pairs: Pairs) -> Mapping[str, str]:
    """Parameters that were sent with a value. Raises: ClientError for one that came twice (RFC 6749, 3.1)."""
    for name, count in Counter(name for name, _ in pairs).items():
        if count > 1:
            raise ClientError("invalid_request", f"The parameter {name!r} came more than once.")
    if any(len(value) > _VALUE_LIMIT for _, value in pairs):
        raise ClientError("invalid_request", "A parameter is too long.")
    return {name: value for name, value in pairs if value}


def return_address(pairs: Pairs, own_origin: str, other_origins: Collection[str]) -> ReturnAddress:
    """Where to answer. Raises: Refused unless the client and its redirect URI are known beyond doubt."""
    uris = [value for name, value in pairs if name == "redirect_uri"]
    if [value for name, value in pairs if name == "client_id"] != [CLIENT_ID]:
        raise Refused("This application is not known here.")
    if len(uris) != 1 or not is_redirect_uri(uris[0], own_origin, other_origins):
        raise Refused("The address to return to does not belong to this application.")
    states = [value for name, value in pairs if name == "state"]
    return ReturnAddress(uris[0], states[0] if len(states) == 1 and len(states[0]) <= _VALUE_LIMIT else None)


def parse_sign_in(pairs: Pairs) -> SignInRequest:
    """Raises: ClientError naming what is missing, wrong or not supported."""
    values = single_values(pairs)
    for unsupported in ("request", "request_uri", "registration"):
        if unsupported in values:
            raise ClientError(f"{unsupported}_not_supported", f"The parameter {unsupported!r} is not supported.")
    if values.get("response_type") != "code":
        raise ClientError("unsupported_response_type", "Only response_type=code is supported.")
    if values.get("response_mode", "query") != "query":
        raise ClientError("invalid_request", "Only response_mode=query is supported.")
    return SignInRequest(
        scope=_scope(values.get("scope", "")),
        challenge=_challenge(values),
        nonce=values.get("nonce"),
        prompts=_prompts(values.get("prompt", "")),
        max_age_s=_max_age_s(values.get("max_age")),
        login_hint=values.get("login_hint", "")[:64],
    )


def verifier_of(values: Mapping[str, str]) -> str:
    """The PKCE verifier. Raises: ClientError when there is none that could be one."""
    verifier = values.get("code_verifier", "")
    if not _VERIFIER.fullmatch(verifier):
        raise ClientError("invalid_grant", "The code_verifier is missing or malformed.")
    return verifier


def _scope(text: str) -> str:
    asked = text.split()
    if "openid" not in asked:
        raise ClientError("invalid_scope", "The scope must contain openid.")
    return " ".join(scope for scope in SCOPES if scope in asked)


def _challenge(values: Mapping[str, str]) -> str:
    challenge = values.get("code_challenge", "")
    if values.get("code_challenge_method") != "S256" or not _CHALLENGE.fullmatch(challenge):
        raise ClientError("invalid_request", "PKCE with code_challenge_method=S256 is required.")
    return challenge


def _prompts(text: str) -> frozenset[str]:
    prompts = frozenset(text.split())
    if not prompts <= _PROMPTS or ("none" in prompts and len(prompts) > 1):
        raise ClientError("invalid_request", "The prompt is not one of OpenID Connect's.")
    return prompts


def _max_age_s(text: str | None) -> int | None:
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise ClientError("invalid_request", "max_age must be a number of seconds.")
    return int(text)
