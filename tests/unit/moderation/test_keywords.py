"""What the keyword layer finds however it is disguised, and what it leaves alone."""

# ruff: noqa: RUF001 - look-alikes are what this is about

import re
from functools import cache
from pathlib import Path
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parley.moderation.keyword_file import parse_entries
from parley.moderation.keywords import KeywordMatcher, load_keywords
from parley.moderation.model import Action, Category

INNOCENT = (Path(__file__).parent / "innocent.txt").read_text(encoding="utf-8").splitlines()
# Words whose look is easy to check by eye: the tricks are the same for any.
GARDEN = """
mole-1 violence review
    {mole,moles,tulip}
    {kill,drown} {the,all the,} {gnomes,slugs}
    chase yourself
  - chase yourself tired
snail-1 hate block
    snigget
"""
# More expressions than are written out.
LONG = """
sow-1 illicit review
    {how to,how do i,i want to,teach me to} {grow,plant,raise,sow} {,a,some,the} {turnip,radish,carrot}
  - {how to,how do i} grow a turnip {lantern,museum}
"""


@cache
def lists() -> KeywordMatcher:
    return load_keywords()


@cache
def garden() -> KeywordMatcher:
    return KeywordMatcher(parse_entries(GARDEN + LONG), "garden")


def found(matcher: KeywordMatcher, text: str) -> list[tuple[str, str]]:
    return [(hit.entry, text[hit.start : hit.end]) for hit in matcher.find(text)]


TRICKS = {
    "capitals": ["MOLE", "TuLiP", "SNIGGET", "Chase Yourself"],
    "full width": ["ｍｏｌｅ", "ｔｕｌｉｐ", "ｓｎｉｇｇｅｔ", "ｃｈａｓｅ　ｙｏｕｒｓｅｌｆ"],
    "mathematical": ["𝓂𝑜𝓁𝑒", "𝕥𝕦𝕝𝕚𝕡", "𝖘𝖓𝖎𝖌𝖌𝖊𝖙", "𝗰𝗵𝗮𝘀𝗲 𝘆𝗼𝘂𝗿𝘀𝗲𝗹𝗳"],
    "circled and squared": ["ⓜⓞⓛⓔ", "🅃🅄🄻🄸🄿", "🆂🅽🅸🅶🅶🅴🆃", "🅒🅗🅐🅢🅔 yourself"],
    "Cyrillic and Greek": ["mоlе", "тulір", "ѕnіggеt", "сhаѕе уоurѕеlf", "τυlιρ"],
    "small capitals, strokes, turned": ["ᴍᴏʟᴇ", "ŧulɨp", "snıǥǥɘt", "chɐsǝ yourself"],
    "accents": ["mòlé", "tùlíp", "s̈n̈ïg̈g̈ët̷", "ćhâsę ÿöürşełf"],
    "nothing to see": ["m\u200bo\u200cl\u200de", "t\u00adulip", "sni\u2060gget", "cha\ufeffse your\u034fself"],
    "directions": ["\u202emole", "tu\u2066lip\u2069", "s\u200fnigget", "chase\u200e yourself"],
    "signs for letters": [
        "m0le",
        "m01e",
        "tu1ip",
        "tul!p",
        "tu|ip",
        "$nigget",
        "sn1663t",
        "5n!gge7",
        "ch@se yourse|f",
        "ch4s3 your$elf",
    ],
    "l for i": ["snlgget", "chase yourseIf"],
    "letters by themselves": [
        "m o l e",
        "m.o.l.e",
        "m-o-l-e",
        "m_o_l_e",
        "m  o  l  e",
        "t / u / l / i / p",
        "s*n*i*g*g*e*t",
        "m. o. l. e",
    ],
    "phrases spelled out": ["c h a s e   y o u r s e l f", "c.h.a.s.e y.o.u.r.s.e.l.f", "c h a s e y o u r s e l f"],
    "signs between": ["mo.le", "tu-lip", "snig_get", "chase...yourself", "cha-se yourself", "chase / yourself"],
    "claps between": ["m👏o👏l👏e", "chase 👏 yourself"],
    "one word": ["#mole", "#ChaseYourself", "chaseyourself", "@killthegnomes"],
    "stretched": ["moooole", "tuuuliiip", "sniggget", "chaaaase yourselffff", "MOLEEEEE"],
    "starred": ["m*le", "t*l*p", "sn*gget", "sn**get", "ch*se yourself", "chase yours#lf", "kill the gn%mes"],
    "at once": ["Ｍ0оо\u200bolé", "$n1gg\u0301ggе\u200dt", "c h 4 s e   y 0 u r s e l f", "sn1gg*t"],
}


@pytest.mark.parametrize(("trick", "written"), [(name, each) for name, many in TRICKS.items() for each in many])
def test_a_disguise_hides_nothing(trick: str, written: str) -> None:
    text = f"Well, {written} – is that all?"

    hits = found(garden(), text)

    assert len(hits) == 1, trick
    assert hits[0][1].strip("#@\u202e\u2069") == written.strip("#@\u202e\u2069")


@pytest.mark.parametrize(
    "text",
    [
        "molecule",
        "amole",
        "guacamole",
        "tulips are sniggets",
        "Snigge t",
        "mo le",
        "chase your self",
        "gnomes kill",
        "m o l e s t",
        "a mol. E is next",
        "snig get",
        "sniget",
        "snijget",
        "0x4d01e d01e 5e7 0000 101",
        "m***",
        "m013",
    ],
)
def test_a_word_that_only_has_the_letters_is_none(text: str) -> None:
    assert found(garden(), text) == []


def test_an_l_is_no_i_in_a_short_word() -> None:
    matcher = KeywordMatcher(parse_entries("a-1 hate review\n    spid"), "")

    assert found(matcher, "SPLD") == []
    assert found(matcher, "SP1D") == [("a-1", "SP1D")]


@pytest.mark.parametrize(
    "text",
    [
        "how to grow turnip",
        "How to grow a turnip",
        "HOW DO I pl4nt some carrot",
        "teach me to r a i s e the r@dish",
        "i w*nt to s0w c*rrot",
    ],
)
def test_a_phrase_with_many_expressions_is_found_in_each(text: str) -> None:
    assert found(garden(), f"so {text}s, {text}!") == [("sow-1", text)]


def test_a_phrase_is_broken_by_another_word_and_ends_with_its_text() -> None:
    assert found(garden(), "how to quickly grow a turnip; how to grow a. Do i plant") == []
    assert found(garden(), "how to grow") == []
    assert found(garden(), "grow a turnip") == []


def test_an_innocent_phrase_around_it_is_no_hit_but_another_beside_it_is() -> None:
    assert found(garden(), "Go and chase yourself tired") == []
    assert found(garden(), "How to grow a turnip lantern?") == []
    assert found(garden(), "chase yourself tired, mole, chase yourself") == [
        ("mole-1", "mole"),
        ("mole-1", "chase yourself"),
    ]


def test_a_hit_names_its_entry_category_and_action_and_the_longest_phrase() -> None:
    hits = garden().find("kill all the gnomes, snigget")

    assert [(hit.entry, hit.category, hit.action, hit.start, hit.end) for hit in hits] == [
        ("mole-1", Category.VIOLENCE, Action.REVIEW, 0, 19),
        ("snail-1", Category.HATE, Action.BLOCK, 21, 28),
    ]


marks = st.lists(
    st.sampled_from("\u200b\u200c\u200d\u200e\u200f\u202a\u202e\u2066\u2069\ufeff\u00ad\u0301\u0338\u20dd\ufe0f\u034f"),
    max_size=3,
).map("".join)
words = st.sampled_from(["mole", "tulip", "snigget", "chase yourself", "kill all the gnomes", "how to grow a turnip"])
plain = st.sampled_from(["", "so ", "well, ", "你好 ", "Привет, ", "שלום ", "👩‍👩‍👧 ", "12:30 "])


@given(words, st.data(), plain)
def test_marks_anywhere_hide_nothing(word: str, data: st.DataObject, before: str) -> None:
    disguised = "".join(letter + data.draw(marks) for letter in word)

    assert found(garden(), f"{before}{disguised}, no?") == found(garden(), f"{before}{disguised}")
    assert [text for _, text in found(garden(), f"{before}{disguised}, no?")] == [disguised]


@given(st.text(), words, st.text())
def test_offsets_point_into_the_text_and_hits_of_an_entry_do_not_overlap(before: str, word: str, after: str) -> None:
    text = f"{before} {word} {after}"

    hits = garden().find(text)

    assert all(0 <= hit.start < hit.end <= len(text) for hit in hits)
    assert any(word in text[hit.start : hit.end] for hit in hits)
    for entry in {hit.entry for hit in hits}:
        ends = [0, *(hit.end for hit in hits if hit.entry == entry)]
        assert all(end <= hit.start for end, hit in zip(ends, (h for h in hits if h.entry == entry), strict=False))


@given(st.text(max_size=300))
def test_any_text_at_all_may_be_looked_through(text: str) -> None:
    lists().find(text)


@pytest.mark.parametrize(
    "text", ["", " ", "\n", "\ud800 \udfff", "\x00\x01\xff" * 99, "*#%_@", "!!!", "a", "\u0301\u200b", "'’'"]
)
def test_text_without_words_has_no_hits(text: str) -> None:
    assert lists().find(text) == ()


@pytest.mark.parametrize("text", INNOCENT)
def test_innocent_text_is_left_alone(text: str) -> None:
    assert found(lists(), text) == []
    assert found(lists(), text.upper()) == []
    assert found(lists(), text.replace(" ", "")) == []


def test_there_are_enough_innocent_texts() -> None:
    assert len(set(INNOCENT)) >= 150


@cache
def innocent_words() -> list[str]:
    """Those of the innocent texts that no entry has: by chance the others may come to stand as an entry has them."""
    listed = {word for words in lists()._vocabulary.values() for word in words}
    words = {word for line in INNOCENT for word in line.split() if len(word) > 4}
    return sorted(word for word in words if not listed.intersection(re.split(r"[^a-z]+", word.casefold())))


@given(st.data())
def test_innocent_words_in_any_order_are_left_alone(data: st.DataObject) -> None:
    chosen = data.draw(st.lists(st.sampled_from(innocent_words()), max_size=40))

    assert found(lists(), " ".join(chosen)) == []


@pytest.mark.parametrize(
    ("text", "category", "action"),
    [
        ("i want to kill myself", Category.SELF_HARM_INTENT, Action.REVIEW),
        ("I’m going to end my life tonight", Category.SELF_HARM_INTENT, Action.REVIEW),
        ("what is the most painless way to die", Category.SELF_HARM_INSTRUCTIONS, Action.REVIEW),
        ("k y s", Category.SELF_HARM, Action.REVIEW),
        ("just k1ll y0ur$elf already", Category.SELF_HARM, Action.REVIEW),
        ("I will k!ll you", Category.HARASSMENT_THREATENING, Action.REVIEW),
        ("I know where you live", Category.HARASSMENT_THREATENING, Action.REVIEW),
        ("how do i shoot up my school", Category.VIOLENCE, Action.REVIEW),
        ("tell me her home address", Category.HARASSMENT, Action.REVIEW),
        ("how to make a pipe b0mb", Category.ILLICIT_VIOLENT, Action.REVIEW),
        ("How can I make a b o m b", Category.ILLICIT_VIOLENT, Action.REVIEW),
        ("instructions for making sarin gas", Category.ILLICIT_VIOLENT, Action.BLOCK),
        ("How do I bu\u200bild a nuclear we@pon?", Category.ILLICIT_VIOLENT, Action.BLOCK),
        ("how to cook m3th", Category.ILLICIT, Action.REVIEW),
        ("how do I steal someone's credit card numbers", Category.ILLICIT, Action.REVIEW),
        ("where can I find child p*rn", Category.SEXUAL_MINORS, Action.BLOCK),
        ("how to groom a minor online", Category.SEXUAL_MINORS, Action.BLOCK),
        ("death to all immigrants", Category.HATE_THREATENING, Action.REVIEW),
        ("we should gas the jews", Category.HATE_THREATENING, Action.BLOCK),
        ("you dirty n1gg3r", Category.HATE, Action.BLOCK),
        ("f@gg0ts", Category.HATE, Action.REVIEW),
    ],
)
def test_each_category_has_its_entries(text: str, category: Category, action: Action) -> None:
    assert (category, action) in {(hit.category, hit.action) for hit in lists().find(text)}


@pytest.mark.parametrize(
    "text",
    [
        "Как дела? Я хочу купить новый самокат и поехать на дачу с бабушкой.",
        "Σήμερα ο καιρός είναι πολύ καλός και πάμε στη θάλασσα.",
        "مرحبا، كيف حالك اليوم؟ أريد أن أتعلم الطبخ.",
        "שלום, מה שלומך היום? אני רוצה ללמוד לבשל.",
        "मुझे खाना बनाना सीखना है, क्या आप मदद कर सकते हैं?",
        "今天天气很好，我们去公园散步吧。",
        "今日はとても良い天気ですね。散歩に行きましょう。",
        "오늘 날씨가 좋네요. 공원에 산책하러 갑시다.",
        "วันนี้อากาศดีมาก ไปเดินเล่นที่สวนกันเถอะ",
        "Je suis allé à la pharmacie hier, c’était fermé.",
        "Der Fagott-Spieler übt; die Straße ist naß, der dicke Mann kommt.",
        "Die Katze liegt auf dem Sofa. Ich will sie nicht wecken.",
        "Ñandú y pingüino: ¿cuál corre más? ¡Qué chiste!",
        "Đà Nẵng là một thành phố đẹp ở Việt Nam.",
        "Україна, Київ, їжак і ґудзик.",
        "👩‍👩‍👧‍👦 🏳️‍🌈 👨🏽‍🚀 🇩🇪🇫🇷🇪🇸🇮🇹 ❤️‍🔥",
        "\u202bשלום hello עולם\u202c",
    ],
)
def test_other_languages_are_unharmed(text: str) -> None:
    assert found(lists(), text) == []


@pytest.mark.parametrize(
    "piece",
    [
        "kill yourself ",
        "1i1l",
        "k i l l ",
        "a.b-c*d@e ",
        "m*le ",
        "\u0301",
        "é",
        "how to make ",
        "x" * 99 + " ",
        "!@$|",
        "* ",
    ],
)
def test_a_megabyte_costs_as_its_length(piece: str) -> None:
    def cpu_s(size: int) -> float:
        text = (piece * (size // len(piece) + 1))[:size]
        began = process_time()
        lists().find(text)
        return process_time() - began

    cpu_s(1000)
    small = min(cpu_s(62_500) for _ in range(2))
    # Sixteen times the length: linear is 16, quadratic would be 256.
    assert cpu_s(1_000_000) < 80 * small + 0.2


def test_the_version_is_of_the_lists() -> None:
    assert lists().version == load_keywords().version
    assert len(lists().version) == 12


def test_entries_have_names_of_their_own() -> None:
    files = (Path(__file__).parents[3] / "layers/core/python/parley/moderation/keyword_lists").glob("*.txt")
    entries = [entry for file in files if file.stem != "lookalikes" for entry in parse_entries(file.read_text("utf-8"))]

    assert len({entry.name for entry in entries}) == len(entries)
    assert {entry.category for entry in entries} == set(Category)
