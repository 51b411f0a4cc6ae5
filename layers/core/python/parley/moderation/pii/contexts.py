"""What the words before a number say that it is."""

import re
from enum import Enum
from functools import cache

# In the languages that most of our users write; a stem stands for its forms.
_OF_PHONES = r"""phone|tele?ph|telef|t[eé]l[eé]ph|tele?[ck]om|tel\b(?!-)|tél|call(?:ing|\b(?!\s(?:stack|took)))|ring\b|dial|text\b
    |texted|texting|sms|whats\s?app|fax|mobil|m[oó]vil|cell(?:s?\b|phone)|handy|hotline|helpline|landline|voicemail|reach(?!ed|es)|contact|kontakt|erreich
    |anruf|ruf[et]?\b|rückruf|durchwahl|appel|joign|portable|ll[aá]m|marc(?:a|ar|ando|ez)\b|celular|chiam|cellulare|ligu|ligar|telem|bel\b|bellen|dzwo|zadzwo
    |customer\s(?:service|care|support)|kundenservice|kundendienst
    |телеф|тел\b|позвон|звон|моб|τηλ|电话|電話|手机|手機|携帯|联系|連絡|전화|휴대|هاتف|تليفون|جوال|טלפון|फ़ोन|फोन"""
_OF_CARDS = r"""card(?!i)|visa\b|master\s?card|amex|american\sexpress|maestro|credit|debit|kreditkarte|karte|tarjeta|carte\b
    |carta\b|pay|paid|charge|cvv"""
_OF_SSNS = r"ssn|social[\s-]security|social\b|soc\.?\s?sec"
_OF_IPS = r"""ips?\b|ipv[46]|address|adress|host|server|ping|ssh|connect|resolve|dns|login|logged|from\b|client|request|gateway"""
_OF_VERSIONS = r"""version|ver\b|v\b|release|build|firmware|upgrad|updat|driver|patch|sdk|package|section|chapter|clause|§
    |figure|oid\b|heading|dependenc|python|java|node|nginx|windows|kernel|linux|android|ios\b|chrome|firefox"""
_OF_OTHERS = r"""order|invoice|track|parcel|shipment|serial|part\b|model|sku|isbn|issn|ean\b|gtin|upc|barcode|ticket|case\b
    |ref\b|refer|id\b|ids\b|commit|hash|build|version|release|firmware|transaction|receipt|booking|confirmation|member|policy
    |docket|patent|batch|lot\b|asin|flight|seat|page|population|distance|coordinat|lat\b|latitude|lon\b|longitude|doi\b|pmid|arxiv|imei|vin\b
    |zip\b|plz\b|port\b|timestamp|epoch|unix|seed|sum\b|total|equals|result|product|multipl|divid|square|pi\b|bytes|pixels|checksum
    |row\b|line\b|issue|bug\b|bestell|rechnung|sendung|artikel|vorgang|aktenzeichen|pedido|factura|commande|facture|suivi|colis|ordine|fattura
    |account|konto|customer|kunden|client\s|registration|licen[cs]e|vat\b|ust|tax|meter\b|budget|price|cost|revenue|voucher|coupon
    |gift\scard|uuid|guid"""
# Any kind of number has one of these; several numbers are mostly not telephones'.
_NEUTRAL = r"number(?!s)|nummer(?!n)|num[eé]ro\b|número\b|nr\b|no\."
# A word counts as long as the sentence goes on.
_REACH_CHARACTERS = 48


class Says(Enum):
    """What the nearest telling word before a number says."""

    YES = 2
    MAYBE = 1
    NOTHING = 0
    NO = -1


@cache
def _patterns(topic: str) -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str]]:
    of_it, of_others = {
        "phone": (_OF_PHONES, f"{_OF_OTHERS}|{_OF_CARDS}|{_OF_SSNS}"),
        "card": (_OF_CARDS, f"{_OF_OTHERS}|{_OF_PHONES}"),
        "ssn": (_OF_SSNS, f"{_OF_OTHERS}|{_OF_PHONES}"),
        "ip": (_OF_IPS, _OF_VERSIONS),
    }[topic]
    # Scripts without spaces have no beginnings of words to be seen.
    return tuple(re.compile(rf"(?<![a-zà-ÿа-я])(?:{each})", re.VERBOSE) for each in (of_it, of_others, _NEUTRAL))  # pyright: ignore[reportReturnType]


def what_says(before: str, topic: str) -> Says:
    """About a number of `topic` ("phone", "card", "ssn" or "ip") that stands after `before`, in lower case."""
    near = re.split(r"[\n!?]|\.\s(?=\S+\s\S)", before[-_REACH_CHARACTERS:])[-1]
    of_it, of_others, neutral = ([each.start() for each in pattern.finditer(near)] for pattern in _patterns(topic))
    if of_it or of_others:
        return Says.YES if max(of_it, default=-1) >= max(of_others, default=-1) else Says.NO
    return Says.MAYBE if neutral else Says.NOTHING
