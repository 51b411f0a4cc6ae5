"""Sentences around values, by hand: those that say what the value is, and those that do not."""

from collections.abc import Mapping, Sequence

# Two sets, so that what is tuned on one is measured on the other. "{}" is the value.
FIRST: Mapping[str, Sequence[str]] = {
    "email": (
        "Write to {} and ask for the form.",
        "My address is {}, I read it daily.",
        "Die Rechnung bitte an {} schicken.",
        "{} has not answered yet",
        "From: Support <{}>",
        "mailto:{}?subject=Hi",
    ),
    "phone": (
        "Call me at {} after six.",
        "My phone number is {}.",
        "Tel.: {}",
        "You can reach her on {}, she said.",
        "Ruf mich unter {} an, bitte.",
        "Mon numéro de téléphone : {}.",
        "Llámame al {} mañana.",
        "- **Phone:** {}\n- **Fax:** none",
        "For the office dial {} or come by.",
        "Send a text message to {}!",
    ),
    "card": (
        "Charge it to {} please.",
        "My Visa is {}, valid until 11/29.",
        "The card number {} was declined.",
        "Kreditkarte: {}",
        "Use {} for testing.",
        'He wrote "{}" on the form.',
    ),
    "iban": (
        "Transfer the rent to {} by Friday.",
        "IBAN: {}",
        "Bitte auf das Konto {} überweisen.",
        "The account is {}, in her name.",
        "({})",
    ),
    "ssn": (
        "My SSN is {}.",
        "Social security number: {}",
        "The form shows {} as hers.",
        "SSN {}, born in May",
    ),
    "ip": (
        "The request came from {} at noon.",
        "ping {} gives no answer",
        "Blocked address: {}.",
        "Connect to {} on port 22",
        "The log shows {} twice.",
        "inet {} netmask",
    ),
    "secret": (
        "Use the key {} for now.",
        'export API_TOKEN="{}"',
        "Authorization: Bearer {}",
        "token={}&page=2",
        "My password manager has {}, I think.",
    ),
}
SECOND: Mapping[str, Sequence[str]] = {
    "email": (
        "Please forward this to {}; thanks!",
        "Contact: {}.",
        "Is {} still the right address?",
        "Mi correo es {} y contesto rápido.",
        "* {} (Anna)",
    ),
    "phone": (
        "If anything breaks, ring {} at once.",
        "His mobile: {}",
        "WhatsApp {} works best",
        "Erreichbar unter {} (werktags).",
        "Appelez le {} avant midi.",
        "Contact {} for a quote.",
        "Il mio numero di telefono è {}, chiamami.",
        "The hotline is {}; it is free.",
        "Our fax number, {}, has changed.",
        "cell {}, home unknown",
    ),
    "card": (
        "I paid with {} yesterday.",
        "Número de tarjeta: {}",
        "Amex or not, {} is what I have.",
        "Please refund {}; thank you.",
        "carte {} expirée",
    ),
    "iban": (
        "Send the deposit to {} today.",
        "Mein IBAN lautet {}.",
        "Compte : {}",
        "Is {} your bank account?",
    ),
    "ssn": (
        "He gave his social as {} on the phone.",
        "Enter {} where it asks for the SSN.",
        "SSN: {}",
    ),
    "ip": (
        "Who is behind {}?",
        "The server {} is down again.",
        "Login from {} was refused.",
        "ssh root@host resolves to {} now",
        "Meine Adresse im Netz ist {}.",
    ),
    "secret": (
        "I accidentally pushed {} to the repository.",
        "apiKey: '{}',",
        "curl -H 'X-Key: {}' localhost",
        "Revoke {} immediately!",
    ),
}
