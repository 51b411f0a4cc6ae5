"""The issuer's pages. They work without a script and carry no inline style, so that their policy can forbid both."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from local.oidc.model import NAME_LIMIT
from parley.accounts.model import Role, Tier

_MARK = """<svg class="mark" viewBox="0 0 32 32" width="44" height="44" aria-hidden="true" focusable="false">
<rect class="mark-ground" width="32" height="32" rx="9"></rect>
<path class="mark-line" d="M10 23V9h7a5 5 0 0 1 0 10h-7"></path></svg>"""

_TIER_NOTES = {Tier.FREE: "Free", Tier.PRO: "Pro", Tier.ENTERPRISE: "Enterprise"}
_ROLE_NOTES = {
    Role.ADMIN: ("Admin", "sees usage and manages accounts"),
    Role.REVIEWER: ("Reviewer", "works the moderation queue"),
}


@dataclass(frozen=True, slots=True)
class SignInForm:
    """What the form shows: what was typed before, what was wrong with it, and names to choose from."""

    csrf: str
    name: str = ""
    tier: str = Tier.FREE
    roles: frozenset[str] = frozenset()
    problem: str | None = None
    known_names: Sequence[str] = ()


def sign_in_page(form: SignInForm) -> str:
    return _page(
        "Sign in to Parley",
        f"""<p class="lead">Pick any name. There is no password on your own machine.</p>
<form method="post">
<input type="hidden" name="csrf" value="{escape(form.csrf)}">
<div class="field">
<label for="name">Name</label>
<input id="name" name="name" type="text" value="{escape(form.name)}" maxlength="{NAME_LIMIT}" required autofocus
 autocomplete="username" autocapitalize="words" spellcheck="false" list="known"{_described_by(form.problem)}>
<datalist id="known">{"".join(f'<option value="{escape(name)}"></option>' for name in form.known_names)}</datalist>
{_problem(form.problem)}
</div>
<fieldset class="field">
<legend>Tier</legend>
<div class="segments">{"".join(_tier_choice(tier, form.tier) for tier in Tier)}</div>
</fieldset>
<details class="field"{" open" if form.roles else ""}>
<summary>Roles</summary>
<div class="roles">{"".join(_role_choice(role, form.roles) for role in Role)}</div>
</details>
<button type="submit">Continue</button>
</form>""",
        note="Each name keeps its own conversations. This page serves this machine only.",
    )


def sign_out_page(csrf: str, name: str) -> str:
    return _page(
        "Sign out of Parley?",
        f"""<p class="lead">You are signed in as <strong>{escape(name)}</strong>. Your conversations stay.</p>
<form method="post">
<input type="hidden" name="csrf" value="{escape(csrf)}">
<button type="submit">Sign out</button>
</form>""",
    )


def message_page(title: str, sentences: Iterable[str]) -> str:
    """A page that says something and leads back to the start."""
    paragraphs = "".join(f'<p class="lead">{escape(sentence)}</p>' for sentence in sentences)
    return _page(title, f'{paragraphs}<a class="button" href="/">Back to Parley</a>')


def _page(title: str, body: str, note: str = "") -> str:
    return f"""<!doctype html>
<html lang="en" dir="ltr">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(title)}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/oidc/style.css">
</head>
<body>
<main>
<div class="card">
{_MARK}
<h1>{escape(title)}</h1>
{body}
</div>
{f'<p class="note">{escape(note)}</p>' if note else ""}
</main>
</body>
</html>
"""


def _tier_choice(tier: Tier, chosen: str) -> str:
    checked = " checked" if tier.value == chosen else ""
    return (
        f'<label class="segment"><input type="radio" name="tier" value="{tier.value}"{checked}>'
        f"<span>{_TIER_NOTES[tier]}</span></label>"
    )


def _role_choice(role: Role, chosen: frozenset[str]) -> str:
    checked = " checked" if role.value in chosen else ""
    title, note = _ROLE_NOTES[role]
    return (
        f'<label class="role"><input type="checkbox" name="role" value="{role.value}"{checked}>'
        f'<span><span class="role-title">{title}</span> <span class="role-note">{note}</span></span></label>'
    )


def _problem(problem: str | None) -> str:
    return f'<p class="problem" id="problem" role="alert">{escape(problem)}</p>' if problem else ""


def _described_by(problem: str | None) -> str:
    return ' aria-invalid="true" aria-describedby="problem"' if problem else ""
