"""What the world is made of: models, client stacks, networks, mail domains, capabilities.

Prefixes and AS numbers are public allocations of the named operators (a selection); the host parts are invented.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Model(NamedTuple):
    """A model on offer, with the typical speed of its answers."""

    name: str
    milliseconds_per_token: float
    reasoning: bool


class Stack(NamedTuple):
    """A client stack: one user agent with the TLS fingerprint its library produces."""

    kind: str
    user_agent: str
    tls_fingerprint: str
    weight: float


class Network(NamedTuple):
    """An operator's address space; `blocks` is how many /24 (or /48) of it are seen in this world."""

    kind: str
    country: str
    asn: int
    ipv4: str
    ipv4_length: int
    ipv6: int
    blocks: int
    weight: float


MODELS: Final = (
    Model("meridian-4", 14.0, reasoning=False),
    Model("meridian-4-mini", 6.0, reasoning=False),
    Model("meridian-4-reason", 17.0, reasoning=True),
    Model("meridian-3.5", 11.0, reasoning=False),
    Model("meridian-5", 15.0, reasoning=True),
    Model("meridian-5-mini", 6.0, reasoning=False),
)
MODEL_NAMES: Final = tuple(model.name for model in MODELS)

CAPABILITIES: Final = (
    "software_engineering",
    "agents",
    "reasoning",
    "writing",
    "translation",
    "analysis",
    "question_answering",
    "roleplay",
)

_CHROME: Final = "t13d1516h2_8daaf6152771_02713d6af862"
_SAFARI: Final = "t13d2014h2_a09f3c656075_14788d8d241b"
_FIREFOX: Final = "t13d1715h2_5b57614c22b0_3d5424432f57"
_OPENSSL: Final = "t13d4312h1_c7886603b240_b26ce05bbdd6"
_OPENSSL_H2: Final = "t13d3112h2_e8f1e7e78f70_6bebaf5329ac"
_NODE: Final = "t13d591000_a33745022dd6_1f22a2ca17c4"
_UNDICI: Final = "t13d521100_b262b3658495_8e6e362c5eac"
_GO: Final = "t13d1312h2_f57a46bbacb6_ab7e3b40a677"
_OKHTTP: Final = "t13d1613h2_46e7e9700bed_45f260be83e2"
_RUSTLS: Final = "t13d1011h2_61a7ad8aa9b6_3a8073edd8ef"
_WINDOWS: Final = "Mozilla/5.0 (Windows NT 10.0; Win64; x64)"
_MAC: Final = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)"

STACKS: Final = (
    Stack("web", f"{_WINDOWS} AppleWebKit/537.36 (KHTML, like Gecko) Chrome/146.0.0.0 Safari/537.36", _CHROME, 0.40),
    Stack("web", f"{_MAC} AppleWebKit/537.36 (KHTML, like Gecko) Chrome/146.0.0.0 Safari/537.36", _CHROME, 0.17),
    Stack("web", f"{_WINDOWS} AppleWebKit/537.36 (KHTML, like Gecko) Chrome/145.0.0.0 Safari/537.36", _CHROME, 0.11),
    Stack("web", f"{_WINDOWS} AppleWebKit/537.36 (KHTML, like Gecko) Chrome/146.0.0.0 Edg/146.0.0.0", _CHROME, 0.09),
    Stack("web", f"{_MAC} AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.3 Safari/605.1.15", _SAFARI, 0.15),
    Stack("web", "Mozilla/5.0 (X11; Linux x86_64; rv:148.0) Gecko/20100101 Firefox/148.0", _FIREFOX, 0.08),
    Stack("mobile", "Meridian/5.12.0 (iPhone; iOS 19.3)", _SAFARI, 0.45),
    Stack("mobile", "Meridian/5.11.2 (iPhone; iOS 19.2)", _SAFARI, 0.12),
    Stack("mobile", "Meridian/5.12.1 (Android 16; okhttp/4.12.0)", _OKHTTP, 0.33),
    Stack("mobile", "Meridian/5.10.0 (Android 15; okhttp/4.12.0)", _OKHTTP, 0.10),
    Stack("sdk", "meridian-python/2.14.0 Python/3.12.9", _OPENSSL, 0.26),
    Stack("sdk", "meridian-python/2.11.3 Python/3.11.11", _OPENSSL, 0.16),
    Stack("sdk", "meridian-node/3.8.1 node/22.14.0", _UNDICI, 0.17),
    Stack("sdk", "meridian-node/3.6.0 node/20.18.3", _NODE, 0.08),
    Stack("sdk", "python-httpx/0.28.1", _OPENSSL_H2, 0.10),
    Stack("sdk", "python-requests/2.32.5", _OPENSSL, 0.08),
    Stack("sdk", "meridian-go/1.9.0", _GO, 0.06),
    Stack("sdk", "axios/1.8.4", _NODE, 0.05),
    Stack("sdk", "curl/8.12.1", _OPENSSL_H2, 0.04),
    Stack("tool", "meridian-code/1.41.0 (external, cli)", _UNDICI, 0.46),
    Stack("tool", "meridian-code/1.40.2 (external, cli)", _UNDICI, 0.17),
    Stack("tool", "Lathe/0.92.1 (vscode)", _CHROME, 0.19),
    Stack("tool", "openpatch/1.6.4", _GO, 0.10),
    Stack("tool", "terma/0.31.0", _RUSTLS, 0.08),
)
STACK_KINDS: Final = ("web", "mobile", "sdk", "tool")

NETWORKS: Final = (
    Network("home", "US", 7922, "73.0.0.0", 8, 0x26010000 << 96, 900, 0.150),
    Network("home", "US", 7018, "99.0.0.0", 10, 0x26001700 << 96, 600, 0.080),
    Network("home", "US", 701, "173.48.0.0", 12, 0, 400, 0.050),
    Network("home", "US", 20115, "71.80.0.0", 12, 0, 300, 0.040),
    Network("home", "GB", 2856, "86.128.0.0", 10, 0x2A0023C0 << 96, 400, 0.060),
    Network("home", "DE", 3320, "79.192.0.0", 10, 0x20030000 << 96, 400, 0.060),
    Network("home", "FR", 3215, "90.0.0.0", 9, 0x2A01CB00 << 96, 300, 0.050),
    Network("home", "ES", 3352, "80.24.0.0", 13, 0, 200, 0.030),
    Network("home", "IT", 3269, "79.0.0.0", 10, 0, 200, 0.030),
    Network("home", "BR", 27699, "177.24.0.0", 14, 0x28040431 << 96, 300, 0.050),
    Network("home", "IN", 24560, "122.160.0.0", 12, 0, 300, 0.070),
    Network("home", "JP", 17676, "126.0.0.0", 8, 0x24008000 << 96, 400, 0.050),
    Network("home", "KR", 4766, "121.128.0.0", 10, 0, 300, 0.040),
    Network("home", "CA", 812, "99.224.0.0", 11, 0x2607FEA8 << 96, 200, 0.030),
    Network("home", "AU", 1221, "101.160.0.0", 11, 0x20018000 << 96, 200, 0.030),
    Network("home", "SG", 9506, "116.86.0.0", 15, 0, 120, 0.020),
    Network("home", "HK", 4760, "218.102.0.0", 15, 0, 120, 0.020),
    Network("home", "VN", 45899, "113.160.0.0", 11, 0, 200, 0.025),
    Network("home", "ID", 7713, "36.64.0.0", 10, 0, 200, 0.030),
    Network("home", "PL", 5617, "83.0.0.0", 11, 0, 200, 0.025),
    Network("mobile", "US", 21928, "172.56.0.0", 13, 0x2607FB90 << 96, 40, 0.240),
    Network("mobile", "IN", 55836, "152.58.0.0", 16, 0x24094000 << 96, 40, 0.160),
    Network("mobile", "DE", 3209, "109.40.0.0", 13, 0, 24, 0.090),
    Network("mobile", "GB", 12576, "31.64.0.0", 11, 0, 24, 0.090),
    Network("mobile", "BR", 26599, "179.208.0.0", 13, 0, 24, 0.100),
    Network("mobile", "ID", 23693, "114.120.0.0", 13, 0, 24, 0.080),
    Network("mobile", "JP", 9605, "49.96.0.0", 11, 0, 24, 0.080),
    Network("mobile", "FR", 5410, "37.160.0.0", 12, 0, 24, 0.080),
    Network("mobile", "KR", 9644, "223.32.0.0", 11, 0, 24, 0.080),
    Network("office", "US", 6461, "64.124.0.0", 15, 0, 160, 0.400),
    Network("office", "GB", 5413, "212.135.0.0", 16, 0, 80, 0.150),
    Network("office", "DE", 8220, "217.110.0.0", 16, 0, 80, 0.150),
    Network("office", "IN", 4755, "115.108.0.0", 14, 0, 80, 0.150),
    Network("office", "SG", 3758, "203.116.0.0", 16, 0, 60, 0.080),
    Network("office", "JP", 2516, "111.86.0.0", 15, 0, 60, 0.070),
    Network("cloud", "US", 16509, "52.0.0.0", 11, 0x26001F18 << 96, 400, 0.300),
    Network("cloud", "US", 396982, "34.64.0.0", 10, 0, 300, 0.170),
    Network("cloud", "US", 8075, "20.0.0.0", 10, 0, 300, 0.150),
    Network("cloud", "US", 14061, "159.65.0.0", 16, 0x26040A88 << 96, 120, 0.080),
    Network("cloud", "US", 20473, "45.76.0.0", 15, 0, 120, 0.060),
    Network("cloud", "DE", 24940, "95.216.0.0", 15, 0x2A0104F9 << 96, 160, 0.100),
    Network("cloud", "FR", 16276, "51.68.0.0", 16, 0x20014100 << 96, 120, 0.060),
    Network("cloud", "SG", 16509, "13.228.0.0", 15, 0, 80, 0.050),
    Network("cloud", "JP", 16509, "18.176.0.0", 15, 0, 60, 0.030),
    Network("vpn", "US", 9009, "146.70.0.0", 16, 0, 50, 0.300),
    Network("vpn", "US", 212238, "138.199.0.0", 17, 0, 40, 0.250),
    Network("vpn", "NL", 60068, "185.107.56.0", 21, 0, 8, 0.150),
    Network("vpn", "SG", 9009, "156.146.56.0", 21, 0, 8, 0.150),
    Network("vpn", "JP", 212238, "149.88.96.0", 19, 0, 16, 0.150),
)
NETWORK_KINDS: Final = ("home", "mobile", "office", "cloud", "vpn")

# Hours east of Greenwich by the clock most people there live by, and the first language.
PLACES: Final[dict[str, tuple[float, str]]] = {
    "US": (-6.0, "en"),
    "CA": (-5.0, "en"),
    "GB": (0.0, "en"),
    "DE": (1.0, "de"),
    "FR": (1.0, "fr"),
    "ES": (1.0, "es"),
    "IT": (1.0, "it"),
    "NL": (1.0, "nl"),
    "PL": (1.0, "pl"),
    "BR": (-3.0, "pt"),
    "IN": (5.5, "en"),
    "JP": (9.0, "ja"),
    "KR": (9.0, "ko"),
    "AU": (10.0, "en"),
    "SG": (8.0, "en"),
    "HK": (8.0, "zh"),
    "VN": (7.0, "vi"),
    "ID": (7.0, "id"),
}
LANGUAGES: Final = (
    "en",
    "zh",
    "de",
    "fr",
    "es",
    "it",
    "nl",
    "pl",
    "pt",
    "ja",
    "ko",
    "vi",
    "id",
    "ru",
    "hi",
    "ar",
    "tr",
)

MAIL_DOMAINS: Final = (
    ("gmail.com", 0.56),
    ("outlook.com", 0.13),
    ("icloud.com", 0.08),
    ("hotmail.com", 0.06),
    ("yahoo.com", 0.05),
    ("proton.me", 0.04),
    ("qq.com", 0.03),
    ("163.com", 0.02),
    ("gmx.de", 0.015),
    ("mailto.plus", 0.005),
    ("fexpost.com", 0.005),
    ("rover.info", 0.005),
)
PLANS: Final = ("free", "subscription", "payg", "enterprise", "education")
