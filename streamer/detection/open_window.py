"""What was asked in one window that is still open: a column for each thing that is known of a request."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Any, NamedTuple, cast
from zlib import crc32

import numpy as np
import numpy.typing as npt

from streamer.detection.request import Request

REFUSED = frozenset({429, 529})
UNKNOWN = -1
NO_PROMPT, BY_HASH, BY_SHAPE = 0, 1, 2
MIN_TELLING_TOKENS = 64
_COLUMNS = {
    "account": "i",
    "time_ms": "q",
    "output": "i",
    "input": "i",
    "max_tokens": "i",
    "identity": "i",
    "prompt": "Q",
    "session": "I",
    "marks": "i",
}
_REFUSED_MARK, _KIND_SHIFT, _LANGUAGE_SHIFT, _CAPABILITY_SHIFT = 1, 1, 3, 8
_SHAPE = struct.Struct("<qq")
Ints = npt.NDArray[Any]


def bit_of(word: str | None) -> int:
    """Give one of 31 places that a word stands for, the same in every process; UNKNOWN for none.

    >>> bit_of(None), bit_of("en") == bit_of("en")
    (-1, True)
    """
    return UNKNOWN if word is None else crc32(word.encode("utf-8", "surrogatepass")) % 31


def code_of(value: str | None) -> int:
    """Give 32 bits that stand for a value, the same in every process; 0 for none.

    >>> code_of(None), code_of("a") == code_of("a")
    (0, True)
    """
    return crc32(value.encode("utf-8", "surrogatepass")) | 1 if value else 0


@lru_cache(maxsize=8192)
def marks_of(status: int | None, language: str | None, capability: str | None) -> int:
    """Pack what takes few values into one number."""
    refused = _REFUSED_MARK if status in REFUSED else 0
    return refused | (bit_of(language) + 1) << _LANGUAGE_SHIFT | (bit_of(capability) + 1) << _CAPABILITY_SHIFT


class Roll:
    """Gives every identity a number; `said` lists them in that order.

    An identity is the fields of `links.Identity`, and the model last. Windows may share a roll, for nearly all
    identities come again. It is known again by 64 bits, as accounts and links are: to compare field by field would
    take several times as long, for what was said long ago is in no cache.
    """

    def __init__(self) -> None:
        self.said: list[tuple[Any, ...]] = []
        self._numbers: dict[int, int] = {}

    def __len__(self) -> int:
        """Count the identities."""
        return len(self.said)

    def numbers(self, identities: Sequence[tuple[Any, ...]]) -> list[int]:
        """Give the numbers of identities, side by side with them."""
        known = self._numbers
        found = list(map(known.get, map(hash, identities)))
        for at in [at for at, number in enumerate(found) if number is None]:
            number = found[at] = known.setdefault(hash(identities[at]), len(self.said))
            if number == len(self.said):
                self.said.append(identities[at])
        return cast("list[int]", found)


class Columns(NamedTuple):
    """The requests of a window, by account and time; `account` and `identity` are places in the lists.

    Every account of `account_ids` is there; `identities` are all of the roll.
    """

    account_ids: list[str]
    identities: list[tuple[Any, ...]]
    account: Ints
    time_ms: Ints
    output: Ints
    input: Ints
    max_tokens: Ints
    refused: Ints
    identity: Ints
    prompt: Ints
    prompt_kind: Ints
    session: Ints
    language: Ints
    capability: Ints


class OpenWindow:
    """Collects requests in any order; 44 bytes each, and every account and identity once."""

    __slots__ = ("_accounts", "_columns", "_roll")

    def __init__(self, roll: Roll | None = None) -> None:
        self._accounts: dict[str, int] = {}
        self._roll = Roll() if roll is None else roll
        self._columns: dict[str, array[int]] = {name: array(code) for name, code in _COLUMNS.items()}

    def add(self, requests: Sequence[Request], times_ms: Sequence[int]) -> None:
        """Add requests and their times, side by side."""
        accounts, roll, columns = self._accounts, self._roll, self._columns
        columns["account"].fromlist([accounts.setdefault(r.account_id, len(accounts)) for r in requests])
        columns["time_ms"].fromlist(list(times_ms))
        columns["output"].fromlist([UNKNOWN if (told := r.output_tokens) is None else told for r in requests])
        columns["input"].fromlist([UNKNOWN if (told := r.input_tokens) is None else told for r in requests])
        columns["max_tokens"].fromlist([UNKNOWN if (told := r.max_tokens) is None else told for r in requests])
        said = [
            (
                r.client_ip,
                r.user_agent,
                r.tls_fingerprint,
                r.device_id,
                r.payment_fingerprint,
                r.email_domain,
                r.system_prompt_hash,
                r.account_created_ms,
                r.plan,
                r.organization_id,
                r.asn,
                r.country,
                r.tools_hash,
                r.model,
            )
            for r in requests
        ]
        columns["identity"].fromlist(roll.numbers(said))
        columns["session"].fromlist([code_of(r.session_id) for r in requests])
        prompts = [_shape_of(r) if (simhash := r.prompt_simhash) is None else int(simhash, 16) for r in requests]
        columns["prompt"].fromlist(prompts)
        columns["marks"].fromlist(
            [
                marks_of(r.status, r.language, r.capability)
                | (BY_HASH if r.prompt_simhash is not None else BY_SHAPE if prompt else NO_PROMPT) << _KIND_SHIFT
                for r, prompt in zip(requests, prompts, strict=True)
            ]
        )

    def __len__(self) -> int:
        """Count the requests."""
        return len(self._columns["account"])

    def owners(self, begin: int) -> Ints:
        """Give whose the requests after the first `begin` are, as places among `account_ids`."""
        return np.frombuffer(self._columns["account"][begin:], dtype=np.int32)

    def account_ids(self) -> list[str]:
        """Name the accounts, by place."""
        return list(self._accounts)

    def columns(self) -> Columns:
        """Give everything, sorted by account and time; what came first does not matter."""
        found = {name: np.frombuffer(column, dtype=column.typecode) for name, column in self._columns.items()}
        order = _order(found, self._roll.said)
        told = {name: column[order] for name, column in found.items()}
        marks = told.pop("marks")
        return Columns(
            list(self._accounts),
            self._roll.said,
            **told,
            refused=marks & _REFUSED_MARK,
            prompt_kind=marks >> _KIND_SHIFT & 3,
            language=(marks >> _LANGUAGE_SHIFT & 31) - 1,
            capability=(marks >> _CAPABILITY_SHIFT & 31) - 1,
        )

    def snapshot(self) -> list[Any]:
        """Plain data from which `restore` makes the same window."""
        numbers = self._columns["identity"]
        places = {number: place for place, number in enumerate(dict.fromkeys(numbers))}
        own = array("i", [places[number] for number in numbers])
        columns = [column.tobytes() for column in {**self._columns, "identity": own}.values()]
        return [list(self._accounts), [list(self._roll.said[number]) for number in places], columns]

    @classmethod
    def restore(cls, state: list[Any], roll: Roll | None = None) -> OpenWindow:
        """Take over what `snapshot` gave."""
        self = cls(roll)
        accounts, identities, columns = state
        self._accounts = {name: at for at, name in enumerate(accounts)}
        numbers = self._roll.numbers([tuple(identity) for identity in identities])
        restored: dict[str, array[int]] = {}
        for (name, code), data in zip(_COLUMNS.items(), columns, strict=True):
            restored[name] = array(code)
            restored[name].frombytes(data)
        restored["identity"] = array("i", [numbers[place] for place in restored["identity"]])
        self._columns = restored
        return self


def _shape_of(request: Request) -> int:
    """Give what a prompt without a hash is known by, 0 if it is too short to tell."""
    asked = request.input_tokens
    return 0 if asked is None or asked < MIN_TELLING_TOKENS else _shape(request.model, asked, request.max_tokens)


def _order(found: dict[str, Ints], said: Sequence[tuple[Any, ...]]) -> Ints:
    """Give the order by account and time; of one account at one time, by everything else that is known."""
    account, time_ms = found["account"].astype(np.int64), found["time_ms"]
    first_ms = time_ms.min()
    when = account * (time_ms.max() - first_ms + 1) + (time_ms - first_ms)
    order = np.argsort(when)
    ordered = when[order]
    tied = np.flatnonzero(ordered[1:] == ordered[:-1])
    if len(tied):
        # What number an identity has depends on who came first: what it says does not.
        among = np.union1d(order[tied], order[tied + 1])
        places, place = np.unique(found["identity"][among], return_inverse=True)
        identity = np.zeros(len(when), dtype=np.int64)
        identity[among] = np.array([crc32(repr(said[at]).encode()) for at in places.tolist()])[place]
        others = {**found, "identity": identity}
        order = np.lexsort((*(others[name] for name in _COLUMNS if name != "session"), found["session"], when))
    return order


@lru_cache(maxsize=8192)
def _shape(model: str, input_tokens: int, max_tokens: int | None) -> int:
    """Stand in for a prompt's hash where there is none: a long prompt of just this length is seldom met twice."""
    told = model.encode("utf-8", "surrogatepass") + _SHAPE.pack(input_tokens, -1 if max_tokens is None else max_tokens)
    return int.from_bytes(blake2b(told, digest_size=8, person=b"shape").digest(), "big")
