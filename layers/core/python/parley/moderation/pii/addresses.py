"""E-mail and IP addresses."""

import re
from collections.abc import Iterator
from ipaddress import AddressValueError, IPv4Address, IPv6Address, IPv6Network

from parley.moderation.pii.contexts import Says, what_says
from parley.moderation.pii.model import PiiKind, PiiSpan
from parley.moderation.pii.stretch import Stretch

# RFC 5321, 4.5.3.1: 64 for the local part. Letters of other scripts than Latin are not looked for.
_EMAIL = re.compile(
    r"(?<![^\W_])(?<![^\W_]['._%+-])(?:[^\W_](?:[\w.%+'-]{0,62}[\w+-])?)@(?P<domain>(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,8}(?P<top>[^\W\d_]{2,24}|xn--[a-z0-9-]{2,59}))(?![^\W_])",
    re.IGNORECASE,
)
# icon@2x.png, lodash@4.17.21.tgz
_FILES = frozenset(
    ["png", "jpg", "jpeg", "gif", "svg", "webp", "pdf", "tgz", "gz", "zip", "js", "ts", "css", "html", "exe"]
)
_IPV4 = re.compile(
    r"(?<![\w.+])(?<![\w.]-)(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\w+]|[.-]\w)"
)
_IPV6 = re.compile(r"(?<![\w.:@])[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,8}(?:[.]\d{1,3}){0,3}(?![\w])", re.IGNORECASE)
_LEAD = re.compile(r"(?<![^\W\d_])[^\W\d_]{2,}:(?=[0-9A-Fa-f:])")
_ZERO_FIRST = re.compile(r"(?<!\d)0\d")
_BEFORE_VERSIONS = frozenset("=~^@<>$")
_DOCUMENTED = IPv6Network("2001:db8::/32")
_DOCUMENTED_V4 = ("192.0.2.", "198.51.100.", "203.0.113.")


def find_emails(stretch: Stretch) -> Iterator[PiiSpan]:
    for found in _EMAIL.finditer(stretch.text):
        is_remote = found[0].startswith("git@") and (stretch.text + stretch.after)[found.end() : found.end() + 1] in (
            ":",
            "/",
        )
        if found["top"].lower() not in _FILES and not is_remote:
            yield PiiSpan(PiiKind.EMAIL, found.start(), found.end(), found[0].lower())


def find_ips(stretch: Stretch) -> Iterator[PiiSpan]:
    """Addresses that may be somebody's: not those of a private network, of the machine itself or of a group. Those that are
    kept for examples count, as numbers and mail addresses of examples do.
    """
    if stretch.text.count(".") >= 3:
        yield from _find_ipv4s(stretch)
    if stretch.text.count(":") >= 2:
        yield from _find_ipv6s(stretch)


def _find_ipv4s(stretch: Stretch) -> Iterator[PiiSpan]:
    for found in _IPV4.finditer(stretch.text):
        says = what_says(stretch.before + stretch.text[: found.start()].lower(), "ip")
        is_short = all(len(octet) == 1 for octet in found[0].split("."))  # 1.2.3.4 is more often a version or a section
        is_bare = is_short or stretch.before[-1:] in _BEFORE_VERSIONS
        if says is Says.NO or (is_bare and says is not Says.YES) or _is_network(stretch, found.end()):
            continue
        if _ZERO_FIRST.search(found[0]):
            continue
        address = IPv4Address(found[0])
        if found[0].startswith(_DOCUMENTED_V4) or _is_somebodys(address):
            yield PiiSpan(PiiKind.IP, found.start(), found.end(), str(address))


def _find_ipv6s(stretch: Stretch) -> Iterator[PiiSpan]:
    text = _LEAD.sub(
        lambda lead: " " * len(lead[0]) if re.search("[g-z]", lead[0], re.IGNORECASE) else lead[0], stretch.text
    )
    for found in _IPV6.finditer(text):
        written = found[0] if found[0].endswith("::") else found[0].rstrip(":.")
        try:
            address = IPv6Address(written)
        except AddressValueError:
            continue
        groups = [group for group in written.split(":") if group]
        is_hardware = all(len(group) == 2 for group in groups)  # EUI-64: 02:00:5e:ff:fe:10:00:00
        if len(groups) < 2 or is_hardware or not re.search(r"\d", written) or _is_network(stretch, found.end()):
            continue
        if address in _DOCUMENTED or _is_somebodys(address):
            yield PiiSpan(PiiKind.IP, found.start(), found.start() + len(written), str(address))


def _is_somebodys(address: IPv4Address | IPv6Address) -> bool:
    if address.is_loopback or address.is_link_local or address.is_multicast or address.is_unspecified:
        return False
    if isinstance(address, IPv4Address):
        return not address.is_private and not address.is_reserved
    # Faker and test beds write IPv6 addresses that nobody was given yet; only unique local ones are private for certain.
    return not address.is_site_local and address.packed[0] & 0xFE != 0xFC


def _is_network(stretch: Stretch, end: int) -> bool:
    """203.0.113.0/24 names a network, and nobody in it."""
    found = re.match(r"/(\d{1,3})(?!\d)", stretch.text[end:])
    return found is not None and int(found[1]) not in (32, 128)
