"""Names of things as a person reads them, and text of others made safe to show."""

from __future__ import annotations

from streamer.cases.records import hour_text

KINDS = {
    "payment": "payment instrument",
    "address_block": "address block",
    "device": "device",
    "client_stack": "client stack",
    "system_prompt": "system prompt",
    "template": "prompt template",
    "signup_cohort": "hour of sign-up",
    "network": "network and client",
    "mail_domain": "mail domain",
    "tools": "set of tools",
    "behaviour": "behaviour",
    "handoff": "hand-off",
}
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def kind_name(kind: str) -> str:
    """A kind of link in words.

    >>> kind_name("address_block"), kind_name("new_kind")
    ('address block', 'new kind')
    """
    return KINDS.get(kind, printable(kind.replace("_", " ")))


def value_name(kind: str, value: str) -> str:
    """A value of a link as it is read.

    >>> value_name("signup_cohort", "490902|mail.example|free")
    '2026-01-01 06:00, mail.example, free'
    >>> value_name("payment", "pf_1")
    'pf_1'
    """
    parts = value.split("|")
    if kind == "signup_cohort" and parts[0].isascii() and parts[0].isdigit() and len(parts[0]) < len("1000000"):
        return printable(", ".join([hour_text(int(parts[0])), *(part for part in parts[1:] if part != "-")]))
    return printable(value)


def printable(text: str) -> str:
    r"""The text without control characters: a terminal obeys some of them.

    >>> printable("a\x1b[2Jb")
    'a�[2Jb'
    """
    return "".join(letter if letter.isprintable() else _REPLACEMENT for letter in text)


def moment(time: str | None) -> str:
    """A time to the minute.

    >>> moment("2026-03-04T07:20:00.000Z"), moment(None)
    ('2026-03-04 07:20', '-')
    """
    return printable(time[:16].replace("T", " ")) if time else "-"


def improbability(log10_p: float | None) -> str:
    """A probability by its base 10 logarithm.

    >>> improbability(-1.0), improbability(-3.2), improbability(-13.07), improbability(None)
    ('0.1', '0.00063', '1e-13', '-')
    """
    if log10_p is None:
        return "-"
    small = -4
    return f"{10.0**log10_p:.2g}" if log10_p > small else f"1e{log10_p:.0f}"


def per_day(rate: float | None) -> str:
    """A rate of false alarms as a person says it.

    >>> per_day(2.5), per_day(0.1), per_day(3e-12), per_day(None)
    ('2.5 a day', 'once in 10 days', 'less than once in a thousand years', '-')
    """
    if rate is None:
        return "-"
    if rate >= 1:
        return f"{rate:.2g} a day"
    days = 1 / rate if rate > 0 else float("inf")
    year = 365.25
    if days > 1000 * year:
        return "less than once in a thousand years"
    return f"once in {days:,.0f} days" if days < 2 * year else f"once in {days / year:,.0f} years"


def number(value: float | None) -> str:
    """A figure of the evidence.

    >>> number(60.0), number(1.262), number(0.00012), number(24_100.5), number(None)
    ('60', '1.262', '0.00012', '24,100', '-')
    """
    if value is None:
        return "-"
    large = 10_000
    return f"{value:,.0f}" if large <= abs(value) < large**3 else f"{value:,.4g}"


def counted(count: int, name: str) -> str:
    """A number of things.

    >>> counted(1, "account"), counted(25_000, "account")
    ('1 account', '25,000 accounts')
    """
    return f"{count:,} {name}" if count == 1 else f"{count:,} {name}s"
