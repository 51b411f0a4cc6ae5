"""Values of each kind in the forms that people write, from Faker, phonenumbers' examples and python-stdnum."""

import base64
import json
import string
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random

import phonenumbers
from faker import Faker
from stdnum import iban

_CARD_TYPES = ("visa16", "visa19", "mastercard", "amex", "discover", "diners", "jcb16")
_FULL_WIDTH = {
    ord(ascii_one): chr(ord(ascii_one) + 0xFEE0) for ascii_one in string.ascii_letters + string.digits + "@.-+_:"
}


@dataclass(frozen=True, slots=True)
class Made:
    """One value as written; `form` names how."""

    kind: str
    form: str
    text: str


class Maker:
    """Makes values; the same for the same seed, locales and regions."""

    def __init__(self, seed: int, locales: Sequence[str], regions: Sequence[str]) -> None:
        self.random = Random(seed)
        self._regions = regions
        self._fakers = [Faker(locale) for locale in locales]
        self._american = Faker("en_US")
        for offset, faker in enumerate([self._american, *self._fakers]):
            faker.seed_instance(seed + offset)

    def make(self, per_kind: int) -> Iterator[Made]:
        """As many of each kind, twice as many telephone numbers."""
        makers: Sequence[tuple[Callable[[], Made], int]] = (
            (self._email, 1),
            (self._phone, 2),
            (self._card, 1),
            (self._iban, 1),
            (self._ssn, 1),
            (self._ip, 1),
            (self._secret, 1),
        )
        for make_one, share in makers:
            for _ in range(per_kind * share):
                yield make_one()

    def _wide(self, kind: str, form: str, text: str) -> Made:
        """Now and then in full-width characters."""
        if self.random.random() < 0.08:
            return Made(kind, "full-width", text.translate(_FULL_WIDTH))
        return Made(kind, form, text)

    def _email(self) -> Made:
        faker = self.random.choice(self._fakers)
        make = self.random.choice((faker.email, faker.company_email, faker.free_email, faker.ascii_safe_email))
        text = make()
        if self.random.random() < 0.2:
            local, _, domain = text.partition("@")
            text = f"{local}+{self.random.choice(('news', 'shop2', 'x'))}@mail.{domain}"
        return self._wide("email", "plain", text)

    def _phone(self) -> Made:
        if self.random.random() < 0.4:
            return self._wide("phone", "faker", self.random.choice(self._fakers).phone_number())
        number = None
        while number is None:
            kind = self.random.choice((phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE))
            number = phonenumbers.example_number_for_type(self.random.choice(self._regions), kind)
        formats = phonenumbers.PhoneNumberFormat
        form, how = self.random.choice(
            (("national", formats.NATIONAL), ("international", formats.INTERNATIONAL), ("E.164", formats.E164))
        )
        text = phonenumbers.format_number(number, how)
        if form == "national" and self.random.random() < 0.25:
            form, text = "national, unspaced", "".join(filter(str.isdecimal, text))
        return self._wide("phone", form, text)

    def _card(self) -> Made:
        digits = self._american.credit_card_number(self.random.choice(_CARD_TYPES))
        form = self.random.choice(("unspaced", "spaced", "dashed"))
        if form == "unspaced":
            return self._wide("card", form, digits)
        sizes = {15: (4, 6, 5), 14: (4, 6, 4)}.get(len(digits), (4, 4, 4, 4, 3))
        return self._wide("card", form, (" " if form == "spaced" else "-").join(_cut(digits, sizes)))

    def _iban(self) -> Made:
        text = self.random.choice(self._fakers).iban()
        while not iban.is_valid(text, check_country=False):
            text = self.random.choice(self._fakers).iban()
        if self.random.random() < 0.5:
            return self._wide("iban", "spaced", iban.format(text))
        return self._wide("iban", "unspaced", text)

    def _ssn(self) -> Made:
        return self._wide("ssn", "dashed", self._american.ssn())

    def _ip(self) -> Made:
        if self.random.random() < 0.5:
            return self._wide("ip", "IPv4", self._american.ipv4_public())
        address = self._american.ipv6()
        groups = address.split(":")
        form = self.random.choice(("whole", "upper", "shortened", "short"))
        texts = {
            "whole": ":".join(group.zfill(4) for group in groups),
            "upper": address.upper(),
            "shortened": ":".join(["2001", *groups[1:4], "", groups[7]]),
            "short": f"2a02:{groups[1]}::{groups[7]}",
        }
        return self._wide("ip", f"IPv6, {form}", texts[form])

    def _secret(self) -> Made:
        letters = string.ascii_letters + string.digits
        makers: Sequence[tuple[str, Callable[[], str]]] = (
            ("OpenAI", lambda: "sk-proj-" + self._some(letters + "-_", 120) + "T3BlbkFJ" + self._some(letters, 20)),
            ("Anthropic", lambda: "sk-ant-api03-" + self._some(letters + "-_", 93) + "AA"),
            ("Parley", lambda: "sk-parley-" + self._some(letters + "-_", 43)),
            ("GitHub", lambda: self.random.choice(("ghp_", "gho_", "ghs_")) + self._some(letters, 36)),
            ("AWS", lambda: "AKIA" + self._some(string.ascii_uppercase + "234567", 16)),
            (
                "Slack",
                lambda: (
                    f"xoxb-{self._some(string.digits, 12)}-{self._some(string.digits, 12)}-{self._some(letters, 24)}"
                ),
            ),
            ("Google", lambda: "AIza" + self._some(letters + "-_", 35)),
            ("Stripe", lambda: "sk_live_" + self._some(letters, 24)),
            ("JWT", self._jwt),
            ("PEM", self._pem),
        )
        form, make_one = self.random.choice(makers)
        return Made("secret", form, make_one())

    def _some(self, letters: str, count: int) -> str:
        """The last is a letter or digit, so that no mark of the sentence is taken for it."""
        return "".join(self.random.choices(letters, k=count - 1)) + self.random.choice(letters.rstrip("-_+/"))

    def _jwt(self) -> str:
        parts = ({"alg": "HS256", "typ": "JWT"}, {"sub": self._some(string.digits, 10), "name": self._american.name()})
        encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts]
        return ".".join([*encoded, self._some(string.ascii_letters + string.digits + "-_", 43)])

    def _pem(self) -> str:
        label = self.random.choice(("RSA PRIVATE KEY", "PRIVATE KEY", "OPENSSH PRIVATE KEY", "EC PRIVATE KEY"))
        lines = [self._some(string.ascii_letters + string.digits + "+/", 64) for _ in range(6)]
        return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----"])


def _cut(digits: str, sizes: Sequence[int]) -> Iterator[str]:
    for size in sizes:
        if digits:
            yield digits[:size]
        digits = digits[size:]
