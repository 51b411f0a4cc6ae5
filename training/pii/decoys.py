"""Text with numbers and words that look like personal data and are none."""

import hashlib
import string
import uuid
from collections.abc import Iterator
from random import Random

from stdnum import ean, isbn, luhn


class Decoys:
    """Hard negatives; the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)

    def make(self, count: int) -> Iterator[tuple[str, str]]:
        """What it is, and a sentence with it: each sort in turn."""
        sorts = [name for name in dir(self) if name.startswith("a_")]
        for index in range(count):
            name = sorts[index % len(sorts)]
            yield name.removeprefix("a_").replace("_", " "), getattr(self, name)()

    def _digits(self, count: int) -> str:
        return self.random.choice("123456789") + "".join(self.random.choices(string.digits, k=count - 1))

    def _one_of(self, *sentences: str) -> str:
        return self.random.choice(sentences)

    def a_order_number(self) -> str:
        number = self._digits(self.random.choice((7, 8, 9, 10, 11, 12, 16)))
        return self._one_of(
            "Your order {} was shipped.", "Order number: {}", "Die Bestellnummer lautet {}.", "Invoice no. {}"
        ).format(number)

    def a_grouped_order_number(self) -> str:
        number = "-".join(self._digits(size) for size in self.random.choice(((3, 7, 7), (4, 4), (2, 5, 3), (6, 4))))
        return self._one_of("Order {} is on its way.", "See ticket {} for more.", "Reference {}, please.").format(
            number
        )

    def a_tracking_number(self) -> str:
        number = self.random.choice(
            (
                f"1Z{self._digits(6)}{self._digits(10)}",
                f"RR{self._digits(9)}DE",
                self._digits(12),
                f"9400 {self._digits(4)} {self._digits(4)} {self._digits(4)} {self._digits(4)} {self._digits(2)}",
            )
        )
        return self._one_of(
            "Track {} on their site.", "The parcel has tracking number {}.", "Sendungsnummer {}"
        ).format(number)

    def a_version(self) -> str:
        parts = [str(self.random.randrange(30)) for _ in range(self.random.choice((3, 4)))]
        return self._one_of(
            "Upgrade to version {} first.",
            "It is fixed in v{}.",
            "Chrome release {} is out.",
            "firmware {} or later",
            "pip install tool=={}",
        ).format(".".join(parts))

    def a_package(self) -> str:
        version = ".".join(str(self.random.randrange(40)) for _ in range(3))
        return self._one_of(
            "npm i lodash@{}",
            "uses: actions/checkout@v{}",
            "image: registry/app:{}-alpine",
            "icon@2x.png is for version {}",
        ).format(version)

    def a_section(self) -> str:
        return self._one_of("See section {} of the manual.", "{} Scope and purpose", "as clause {} says").format(
            ".".join(str(self.random.randrange(1, 10)) for _ in range(4))
        )

    def a_hash(self) -> str:
        seed = str(self.random.random()).encode()
        digest = self.random.choice((hashlib.md5, hashlib.sha1, hashlib.sha256))(seed).hexdigest()
        return self._one_of("commit {}", "sha {} does not match", "The file's checksum is {}.", "git show {}").format(
            digest[: self.random.choice((7, 12, 64))]
        )

    def a_uuid(self) -> str:
        return self._one_of("id {}", "The trace is {}.", '"request_id": "{}"').format(
            uuid.UUID(int=self.random.getrandbits(128), version=4)
        )

    def a_date(self) -> str:
        year, month, day = self.random.randrange(1950, 2030), self.random.randrange(1, 13), self.random.randrange(1, 29)
        date = self._one_of(
            f"{year}-{month:02}-{day:02}",
            f"{day:02}.{month:02}.{year}",
            f"{day}/{month}/{year}",
            f"{year}{month:02}{day:02}",
            f"{year}/{month:02}/{day:02} - {year + 1}/{month:02}/{day:02}",
        )
        return self._one_of(
            "It was on {}.", "from {} on", "{}: first release", "Am {} war es soweit.", "Born {} in Rome"
        ).format(date)

    def a_time(self) -> str:
        clock = f"{self.random.randrange(24):02}:{self.random.randrange(60):02}:{self.random.randrange(60):02}"
        return self._one_of(
            "2024-03-0{d} {}.{ms} INFO started", "at {} UTC", "2024-03-0{d}T{}Z", "from {} to 18:30:00"
        ).format(clock, d=self.random.randrange(1, 10), ms=self._digits(6))

    def a_timestamp(self) -> str:
        return self._one_of(
            "The timestamp is {}.", '"created": {}, "id": 7', "exp={} in the token", "Unix time {}"
        ).format(1_600_000_000 + self.random.randrange(10**8))

    def a_sum(self) -> str:
        first, second = self.random.randrange(10**6), self.random.randrange(10**6)
        return self._one_of(
            "{a} * {b} = {c}", "{a} + {b} is {d}.", "The product is {c}.", "({a} - {b}) / 12345", "x = {c};"
        ).format(a=first, b=second, c=first * second, d=first + second)

    def a_constant(self) -> str:
        return self._one_of(
            "pi is 3.14159265358979",
            "e = 2.718281828459045",
            "about 6.02214076 * 10^23",
            "c is 299792458 m/s",
            "299 792 458 metres a second",
            "0.3333333333",
            "sqrt(2) ≈ 1.41421356237",
        )

    def a_code_line(self) -> str:
        return self._one_of(
            "for i in range(1000000, 2000000, 50000): pass",
            "uint32_t mask = 0xDEADBEEF1234;",
            "std::vector<abc::def> rows(4096);",
            "@app.get('/v1/items')",
            "color: #20304050; z-index: 2147483647;",
            "CIDR 10.0.0.0/8 and 192.168.0.0/16",
            "bind 127.0.0.1:8080 and [::1]:8080",
            "a[1024][2048] = 0b1010_1010;",
            "mov eax, 80486; int 0x80",
            "user@localhost:~$ ls -la",
        )

    def a_isbn(self) -> str:
        body = "978" + self._digits(9)
        number = body + ean.calc_check_digit(body)
        return self._one_of("ISBN {}", "The book, {}, is out of print.", "ISBN-13: {}").format(
            self._one_of(number, isbn.format(number))
        )

    def a_coordinate(self) -> str:
        latitude, longitude = self.random.uniform(-90, 90), self.random.uniform(-180, 180)
        return self._one_of("{:.6f}, {:.6f}", "at {:.5f} {:.5f}", "geo:{:.4f},{:.4f}", "lat {:.7f} lon {:.7f}").format(
            latitude, longitude
        )

    def a_price(self) -> str:
        amount = self.random.randrange(10**6, 10**10)
        return self._one_of(
            "It costs ${:,}.", "{} dollars in all", "a budget of € {:,}", "revenue of {:_} rupees"
        ).format(amount)

    def a_count(self) -> str:
        number = f"{self.random.randrange(10**6, 10**10):,}".replace(",", self._one_of(" ", ",", "."))
        return self._one_of("About {} people live there.", "{} bytes were read", "The distance is {} km.").format(
            number
        )

    def a_failed_card(self) -> str:
        body = "4" + self._digits(14)
        wrong = str((int(luhn.calc_check_digit(body)) + self.random.randrange(1, 10)) % 10)
        return self._one_of("The sample {} has a typo.", "Serial {}", "Device id {}").format(body + wrong)

    def a_wrong_iban(self) -> str:
        return self._one_of("DE00{} is no account", "AB12 CDEF {} is a room code").format(self._digits(8))

    def a_hardware_address(self) -> str:
        return self._one_of("MAC {}", "The adapter has {}.").format(
            ":".join(f"{self.random.randrange(256):02x}" for _ in range(self.random.choice((6, 8))))
        )

    def a_placeholder(self) -> str:
        return self._one_of(
            "sk-your-api-key-goes-here",
            "export OPENAI_API_KEY=sk-xxxxxxxxxxxxxxxxxxxxxxxx",
            "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            "A PEM file begins with -----BEGIN PRIVATE KEY----- and ends likewise.",
            "name at example dot com",
            "the sk-learn-contrib projects",
            "pk_test_ and sk_test_ are prefixes",
        )

    def a_handle(self) -> str:
        return self._one_of(
            "Ask @anna_{} on the forum.", "#{} is closed", "see issue #{}", "r/python, u/user{}", "PR-{}"
        ).format(self._digits(6))

    def a_score_or_list(self) -> str:
        numbers = [str(self.random.randrange(1, 99)) for _ in range(self.random.choice((5, 8, 12)))]
        return self._one_of("The numbers are {}.", "[{}]", "Fibonacci-like: {}").format(
            self._one_of(" ", ", ").join(numbers)
        )

    def a_product_code(self) -> str:
        return self._one_of("Part {}", "Model no. {}", "SKU {}", "EAN {}", "item-{}").format(
            self._one_of(
                self._digits(8),
                f"{self._digits(3)}-{self._digits(4)}",
                self._digits(13),
                f"AB-{self._digits(4)}-{self._digits(3)}",
            )
        )

    def a_years(self) -> str:
        first = self.random.randrange(1800, 2000)
        return self._one_of("He lived {}-{}.", "({}\u2013{})", "between {} and {}", "the season {}/{}").format(
            first, first + self.random.randrange(5, 90)
        )
