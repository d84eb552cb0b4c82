"""Everything that all partitions told of one window, put together in an order that does not depend on who told it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate
from operator import itemgetter
from typing import Any

import numpy as np
import numpy.typing as npt

from streamer.detection.behaviour import BEHAVIOUR
from streamer.detection.evidence import PROMPT, USE, ActiveAccounts
from streamer.detection.links import TEMPLATE_KEYS, Keys, Link, template_keys
from streamer.detection.names import TEMPLATE
from streamer.detection.open_window import BY_HASH
from streamer.detection.profile import ROW, Rows

Places = npt.NDArray[np.int64]
_KEY = itemgetter(0)  # of a link


class Gathering:
    """The active accounts of a window by key, the prompts they sent, and who used which link value.

    `keys` and `owners` (places in `rows`) run side by side: identities first, then templates.
    """

    def __init__(self, parts: Sequence[ActiveAccounts], *, templates: bool = True) -> None:
        # An account that moved between partitions, or a part that came twice, is there more than once.
        parts = sorted(parts, key=lambda part: (part.rows, part.uses, part.prompts))
        rows = _joined([part.rows for part in parts], ROW)
        ids = [name for part in parts for name in part.account_ids]
        models = [names for part in parts for names in part.models]
        keys, first, place = _by_key(rows["key"])
        self.rows: Rows = rows.take(first)
        self.account_ids = list(map(ids.__getitem__, first.tolist()))
        begin_models = accumulate((len(part.models) for part in parts), initial=0)
        number = rows["model"] + _repeated(begin_models, [len(part.account_ids) for part in parts])
        self.models = list(map(models.__getitem__, number[first].tolist()))
        self.model_names = set().union(*models)
        self.account_keys: Keys = keys
        self._links = [link for part in parts for link in part.links]
        begin = list(accumulate((len(part.account_ids) for part in parts), initial=0))
        first_link = list(accumulate((len(part.links) for part in parts), initial=0))
        used = _counted_on([part.uses for part in parts], USE, owner=begin, link=first_link)
        asked = _counted_on([part.prompts for part in parts], PROMPT, owner=begin)
        owners, asked["owner"] = place[used["owner"]], place[asked["owner"]]
        of_links = np.fromiter(map(_KEY, self._links), dtype=np.uint64, count=len(self._links))[used["link"]]
        behaviour = _joined([part.behaviour for part in parts], BEHAVIOUR)
        self.behaviour: Rows = behaviour.take(_by_key(behaviour["key"])[1])
        by_owner = np.lexsort((of_links, owners))
        self._used = used["link"][by_owner]
        repeated = len(keys) < len(rows)
        self.prompts = _each_once(asked) if repeated else asked.take(np.lexsort((asked["value"], asked["owner"])))
        hashed = np.flatnonzero((self.prompts["kind"] == BY_HASH) & templates)
        self._hashed: Keys = self.prompts["value"][hashed]
        self.keys: Keys = np.concatenate((of_links[by_owner], template_keys(self._hashed).ravel()))
        self.owners: Places = np.concatenate(
            (owners[by_owner], np.repeat(self.prompts["owner"][hashed], TEMPLATE_KEYS)), dtype=np.int64
        )

    def link(self, at: int) -> Link:
        """Give the link of an entry of `keys`."""
        if at < len(self._used):
            return self._links[int(self._used[at])]
        number, pair = divmod(at - len(self._used), TEMPLATE_KEYS)
        return Link(int(self.keys[at]), TEMPLATE, f"{int(self._hashed[number]):016x}/{pair}")


def _joined(parts: Sequence[bytes], dtype: np.dtype[Any]) -> Rows:
    """Put packed rows one after another; joined as bytes, for numpy would compare all fields of all parts first."""
    return np.frombuffer(bytearray().join(parts), dtype=dtype)


def _counted_on(parts: Sequence[bytes], dtype: np.dtype[Any], **firsts: Sequence[int]) -> Rows:
    """Join packed rows; in some columns each part counts from a first number of its own."""
    rows = _joined(parts, dtype)
    counts = [len(part) // dtype.itemsize for part in parts]
    for name, first in firsts.items():
        rows[name] += _repeated(first, counts).astype(np.uint32)
    return rows


def _repeated(firsts: Iterable[int], counts: Sequence[int]) -> Places:
    """Give the first number of each part as often as it has rows."""
    found = np.fromiter(firsts, dtype=np.int64)[: len(counts)]
    return np.repeat(found, np.array(counts, dtype=np.int64))


def _by_key(keys: Keys) -> tuple[Keys, Places, Places]:
    """Give the different keys in order, where each is first, and the place of each among them."""
    first = np.argsort(keys)
    ordered = keys[first]
    if (ordered[1:] == ordered[:-1]).any():
        return np.unique(keys, return_index=True, return_inverse=True)
    place = np.empty(len(keys), dtype=np.int64)
    place[first] = np.arange(len(keys))
    return ordered, first, place


def _each_once(prompts: Rows) -> Rows:
    """Give prompts by account and value, without repeats."""
    columns = [prompts[name] for name in ("refused_ms", "first_ms", "kind", "value", "owner")]
    order = np.lexsort(columns)
    fresh = np.ones(len(order), dtype=np.bool_)
    fresh[1:] = np.any([column[order[1:]] != column[order[:-1]] for column in columns], axis=0)
    found: Rows = prompts[order[fresh]]
    return found
