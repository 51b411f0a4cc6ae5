"""The endpoints a browser visits: sign in (with or without the form) and sign out."""

from __future__ import annotations

import hmac
import secrets

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from local.oidc.model import CLIENT_ID, SESSION_S, Person, Session, person_named
from local.oidc.origins import is_sign_out_uri, origin_of
from local.oidc.pages import SignInForm, message_page, sign_in_page, sign_out_page
from local.oidc.parts import Issuer, html, origin_of_request
from local.oidc.requests import (
    ClientError,
    Pairs,
    Refused,
    ReturnAddress,
    SignInRequest,
    parse_form,
    parse_sign_in,
    return_address,
    single_values,
)
from local.oidc.tokens import read_token
from parley.accounts.model import Tier


def authorize(issuer: Issuer, request: Request, form: Pairs) -> Response:
    """OpenID Connect Core, 3.1.2: a code at once for a running session, else the form, which posts to this same URL."""
    try:
        asked = parse_form(request.scope["query_string"])
        address = return_address(asked, origin_of_request(request), issuer.other_origins)
    except (ClientError, Refused) as error:
        return html(message_page("This sign-in link does not work", [str(error)]), status=400)
    try:
        wanted = parse_sign_in(asked)
        if request.method == "POST":
            return _sign_in(issuer, request, form, wanted, address)
        session = issuer.session_of(request)
        if session is not None and wanted.is_met_by(session, issuer.clock()):
            return _answer_with_code(issuer, session, wanted, address)
        if "none" in wanted.prompts:
            raise ClientError("login_required", "Nobody is signed in.")
    except ClientError as error:
        return RedirectResponse(address.with_answer(error=error.code, error_description=error.description), 303)
    return _show_form(issuer, request, address, SignInForm("", name=wanted.login_hint))


def end_session(issuer: Issuer, request: Request, form: Pairs) -> Response:
    """OpenID Connect RP-Initiated Logout: at once for a page that shows its ID token, else after a question."""
    try:
        values = single_values([*parse_form(request.scope["query_string"]), *form])
        target = _sign_out_target(issuer, request, values.get("post_logout_redirect_uri"), values.get("state"))
    except ClientError as error:
        return html(message_page("This sign-out link does not work", [error.description]), status=400)
    session = issuer.session_of(request)
    if session is None:
        return _signed_out(issuer, request, target)
    is_asked_here = request.method == "POST" and _is_own_form(issuer, request, values.get("csrf", ""))
    if is_asked_here or _names(issuer, values.get("id_token_hint", ""), session):
        issuer.store.close_session(request.cookies[issuer.session_cookie])
        return _signed_out(issuer, request, target)
    csrf = _form_secret(issuer, request)
    page = html(sign_out_page(csrf, session.person.name), form_targets=_origins(target))
    return _with_form_cookie(issuer, page, csrf)


def _sign_in(issuer: Issuer, request: Request, form: Pairs, wanted: SignInRequest, address: ReturnAddress) -> Response:
    told = dict(form)
    roles = [value for name, value in form if name == "role"]
    try:
        if not _is_own_form(issuer, request, told.get("csrf", "")):
            raise ValueError("This form has expired. Try again.")
        person = person_named(told.get("name", ""), told.get("tier", Tier.FREE), roles)
    except ValueError as error:
        shown = SignInForm(
            "", told.get("name", "")[:200], told.get("tier", Tier.FREE), frozenset(roles), problem=str(error)
        )
        return _show_form(issuer, request, address, shown, status=400)
    return _open_session(issuer, request, person, wanted, address)


def _open_session(
    issuer: Issuer, request: Request, person: Person, wanted: SignInRequest, address: ReturnAddress
) -> Response:
    previous = request.cookies.get(issuer.session_cookie)
    if previous:
        issuer.store.close_session(previous)
    cookie = issuer.store.open_session(person)
    session = issuer.store.session(cookie)
    assert session is not None
    response = _answer_with_code(issuer, session, wanted, address)
    response.set_cookie(issuer.session_cookie, cookie, max_age=SESSION_S, path="/oidc", httponly=True, samesite="lax")
    return response


def _answer_with_code(issuer: Issuer, session: Session, wanted: SignInRequest, address: ReturnAddress) -> Response:
    code = issuer.store.add_code(
        session,
        scope=wanted.scope,
        nonce=wanted.nonce,
        redirect_uri=address.redirect_uri,
        challenge=wanted.challenge,
    )
    return RedirectResponse(address.with_answer(code=code), 303)


def _show_form(
    issuer: Issuer, request: Request, address: ReturnAddress, form: SignInForm, *, status: int = 200
) -> Response:
    csrf = _form_secret(issuer, request)
    shown = SignInForm(csrf, form.name, form.tier, form.roles, form.problem, issuer.store.names())
    page = html(sign_in_page(shown), status=status, form_targets=_origins(address.redirect_uri))
    return _with_form_cookie(issuer, page, csrf)


def _sign_out_target(issuer: Issuer, request: Request, uri: str | None, state: str | None) -> str | None:
    if uri is None:
        return None
    if not is_sign_out_uri(uri, origin_of_request(request), issuer.other_origins):
        raise ClientError("invalid_request", "The address to return to does not belong to this application.")
    return ReturnAddress(uri, state).with_answer() if state is not None else uri


def _signed_out(issuer: Issuer, request: Request, target: str | None) -> Response:
    page = message_page("You are signed out", ["Your conversations are kept for the next time."])
    response = RedirectResponse(target, 303) if target else html(page)
    if issuer.session_cookie in request.cookies:
        response.delete_cookie(issuer.session_cookie, path="/oidc", httponly=True, samesite="lax")
    return response


def _names(issuer: Issuer, hint: str, session: Session) -> bool:
    """Whether an ID token, perhaps an old one, was issued to the person who is signed in."""
    claims = read_token(issuer.key, hint, use="id", may_be_expired=True)
    return claims is not None and claims.get("aud") == CLIENT_ID and claims["sub"] == session.person.subject


def _is_own_form(issuer: Issuer, request: Request, csrf: str) -> bool:
    """Whether the form came from our page. Cookies know no ports, so another server on this host could plant the cookie;
    the `Origin` header, which browsers send with every form, is what it cannot fake.
    """
    origin = request.headers.get("origin")
    if origin is not None and origin != origin_of_request(request):
        return False
    expected = request.cookies.get(issuer.form_cookie, "")
    return bool(expected) and hmac.compare_digest(expected.encode(), csrf.encode("utf-8", "replace"))


def _form_secret(issuer: Issuer, request: Request) -> str:
    """The browser's own, so that two open forms both work."""
    known = request.cookies.get(issuer.form_cookie, "")
    return known if len(known) == 43 and known.isascii() else secrets.token_urlsafe(32)


def _with_form_cookie(issuer: Issuer, response: Response, secret: str) -> Response:
    response.set_cookie(issuer.form_cookie, secret, path="/oidc", httponly=True, samesite="strict")
    return response


def _origins(target: str | None) -> tuple[str, ...]:
    origin = origin_of(target) if target else None
    return (origin,) if origin else ()
