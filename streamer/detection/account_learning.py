"""How the accounts' records take in a window: all accounts of the window at a time, a column for each thing known."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

from streamer.detection.account_book import CAPABILITIES, DAY_HOURS, GAPS, HOUR_MS, LANGUAGES, Accounts
from streamer.detection.open_window import UNKNOWN, Ints
from streamer.detection.segments import Segments
from streamer.detection.settings import DAY_S, AccountSettings

DAY_MS = 86_400_000
HABIT_HALF_LIFE_S = DAY_S
MIX_HALF_LIFE_S = 3 * DAY_S
LOG_STEPS = 256
SLOT_MS, SLOTS_PER_HOUR = 600_000, 6
PRIOR_REQUESTS, PRIOR_WEIGHT = 3.0, 5.0
MAX_SURPRISE = 300.0
MIN_SURPRISING = 10
N, MEAN, SQUARES = 0, 1, 2
LENGTHS = ("output", "input", "greed", "gaps")
# Where one class of gaps ends and the next begins: from seconds (a program) to a night.
_GAP_EDGES = LOG_STEPS * np.array([2, 4, 6, 8, 10, 12, 13, 14, 15])
# How many other hours of the day lie between each of them (rows) and each (columns).
_BETWEEN = (np.arange(DAY_HOURS) - np.arange(DAY_HOURS)[:, np.newaxis] - 1) % DAY_HOURS
Floats = npt.NDArray[np.float64]
_ANGLES = np.arange(DAY_HOURS) * np.pi / 12
# To 2^-40, so that sums of them are exact: they must not depend on how a matrix product is cut up.
_DIRECTIONS = np.rint(np.stack((np.cos(_ANGLES), np.sin(_ANGLES)), axis=1) * 2.0**40) / 2.0**40


def log_steps(counts: Any) -> Ints:  # noqa: ANN401 - whatever numpy takes
    """Give log2(1 + count) in steps of 1/256, as integers: their sums do not depend on the order.

    >>> log_steps([0, 1, 3]).tolist()
    [0, 256, 512]
    """
    steps: Ints = np.rint(np.log2(1.0 + np.asarray(counts, dtype=np.float64)) * LOG_STEPS).astype(np.int64)
    return steps


def concentration(active: Ints) -> Floats:
    """Give the length R of the mean direction of active hours: 1 one hour, 0 spread evenly (Mardia & Jupp 2000).

    `active` is of shape (accounts, 24), true where an account was active in that hour of the day.

    >>> import numpy as np
    >>> concentration(np.eye(24, dtype=bool)[:1]).round(3).tolist(), concentration(np.ones((1, 24))).round(3).tolist()
    ([1.0], [0.0])
    """
    hours = active.sum(axis=1)
    length = np.hypot(*(np.asarray(active, dtype=np.float64) @ _DIRECTIONS).T)
    return np.where(hours > 0, length / np.maximum(hours, 1), 1.0)


def surprise(state: Accounts, requests: Ints) -> Floats:
    """Give -log10 P(as many requests in an active window) under each account's own, shrunk habit.

    Hurdle negative binomial: given activity, requests - 1 ~ NB(mean - 1, r), its variance shrunk towards mean^2.
    """
    found = np.zeros(len(requests))
    weight, own, squares = (state["usage"][:, part] for part in (N, MEAN, SQUARES))
    mean = (weight * own + PRIOR_WEIGHT * PRIOR_REQUESTS) / (weight + PRIOR_WEIGHT)
    odd = np.flatnonzero((requests >= MIN_SURPRISING) & (requests >= 4 * mean))
    if len(odd):
        spread = (squares[odd] + PRIOR_WEIGHT * mean[odd] ** 2) / (weight[odd] + PRIOR_WEIGHT)
        excess = np.maximum(mean[odd] - 1.0, 0.1)
        shape = excess * excess / np.maximum(spread - excess, 0.05 * excess)
        tail = special.betainc(requests[odd] - 1, shape, excess / (excess + shape))
        found[odd] = np.minimum(MAX_SURPRISE, -np.log10(np.maximum(tail, 1e-300)))
    return found


class Origins(NamedTuple):
    """Where the requests of a window came from.

    `owner` and `address` list the addresses of each account, each once and by owner; `system` and `model` have a number
    for each identity that stands for its system prompt, 0 if it carries none, and for its model.
    """

    owner: Ints
    address: Ints
    system: Ints
    model: Ints


def learn(state: Accounts, cut: Segments, origins: Origins, window_start_ms: int, settings: AccountSettings) -> None:
    """Let records take in a closed window, in place; `state` has a record for each account of `cut`, in its order."""
    seen = cut.seen
    known = state["requests"] > 0
    elapsed_s = np.where(known, np.maximum(0, cut.last_ms - state["last_ms"]) / 1000, 0.0)
    fade(state, elapsed_s, settings)
    _lengths(state, cut, known)
    _conversations(state, cut)
    _changes(state, cut, origins)
    _origins(state, cut, origins)
    for name, words, places in (
        ("capability_mix", seen.capability, CAPABILITIES),
        ("language_mix", seen.language, LANGUAGES),
    ):
        state[name] += cut.count(words, places)
    _add_one(state["usage"], cut.counts.astype(np.float64))
    _hours(state, cut, window_start_ms)
    _refusals(state, cut, window_start_ms // DAY_MS)
    state["languages"] |= cut.bits(seen.language)
    state["capabilities"] |= cut.bits(seen.capability)
    state["last_ms"] = cut.last_ms
    state["requests"] += cut.counts
    state["output_tokens"] += cut.sum(np.maximum(seen.output, 0).astype(np.int64))


def fade(state: Accounts, elapsed_s: Floats, settings: AccountSettings) -> None:
    """Let the weights of what was learned shrink by half-life; means and variances stay (West 1979)."""
    keep = np.exp2(-elapsed_s / HABIT_HALF_LIFE_S)
    for name in ("output", "input", "greed", "follow", "gaps", "moves", "prompted"):
        state[name][:, N] *= keep
    for name in ("output", "input", "greed", "gaps"):
        state[name][:, SQUARES] *= keep
    state["steady"][..., N] *= keep[:, np.newaxis]
    keep = np.exp2(-elapsed_s / MIX_HALF_LIFE_S).astype(np.float32)[:, np.newaxis]
    for name in ("capability_mix", "language_mix", "gap_mix"):
        state[name] *= keep
    keep = np.exp2(-elapsed_s / settings.baseline_half_life_s)
    state["usage"][:, N] *= keep
    state["usage"][:, SQUARES] *= keep


def _add_to_mean(held: Floats, count: Ints, steps: Ints) -> None:
    """Take `count` values into means (weight, mean), given the sum of their `log_steps`."""
    weight = held[..., N] + count
    mean = np.divide(steps, np.maximum(count, 1) * LOG_STEPS)
    held[..., MEAN] += np.where(count > 0, (mean - held[..., MEAN]) * count / np.maximum(weight, 1e-9), 0.0)
    held[..., N] = weight


def _add_one(held: Floats, values: Floats) -> None:
    """Take one value each into variances (weight, mean, sum of squares)."""
    weight = held[:, N] + 1.0
    away = values - held[:, MEAN]
    held[:, MEAN] += away / weight
    held[:, SQUARES] += away * (values - held[:, MEAN])
    held[:, N] = weight


def _lengths(state: Accounts, cut: Segments, known: Ints) -> None:
    """Take in the logarithms of lengths: of answers, of what was asked, of limits, of the gaps between requests.

    Of gaps also how many are of each length.
    """
    seen = cut.seen
    gaps = np.maximum(0, seen.time_ms - cut.before(seen.time_ms, state["last_ms"])) // 1000
    values = np.stack((seen.output, seen.input, seen.max_tokens, gaps))
    told = (values != UNKNOWN).astype(np.int64)
    told[-1, cut.starts] = known
    held = np.stack([state[name] for name in LENGTHS])
    steps = log_steps(values * told)
    _add_all(held, cut, steps, told)
    for name, learned in zip(LENGTHS, held, strict=True):
        state[name] = learned
    state["gap_mix"] += cut.count(np.where(told[-1], np.searchsorted(_GAP_EDGES, steps[-1]), UNKNOWN), GAPS)


def _add_all(held: Floats, cut: Segments, steps: Ints, valid: Ints) -> None:
    """Take the values of a window into variances, given their `log_steps` (Chan, Golub & LeVeque 1979).

    `steps` and `valid` have a row for each kind of value, `held` is of shape (kinds, accounts, 3); steps are 0 where
    they are not valid.
    """
    count = cut.sum(valid)
    mean = np.divide(cut.sum(steps), np.maximum(count, 1) * LOG_STEPS)
    away = (steps / LOG_STEPS - np.repeat(mean, cut.counts, axis=1)) ** 2 * valid
    weight = held[..., N] + count
    apart = mean - held[..., MEAN]
    some = count > 0
    least = np.maximum(weight, 1e-9)
    held[..., SQUARES] += np.where(some, cut.sum(away) + apart**2 * held[..., N] * count / least, 0.0)
    held[..., MEAN] += np.where(some, apart * count / least, 0.0)
    held[..., N] = weight


def _conversations(state: Accounts, cut: Segments) -> None:
    """Take in the share of requests that go on with the conversation before them."""
    session = cut.seen.session
    told = session != 0
    goes_on = told & (session == cut.before(session, state["session"]))
    count = cut.sum(told.astype(np.int64))
    _add_to_mean(state["follow"], count, LOG_STEPS * cut.sum(goes_on.astype(np.int64)))
    state["session"] = cut.last(session)


def _changes(state: Accounts, cut: Segments, origins: Origins) -> None:
    """Take in how often a request is as the one before it: `STEADY`, each for itself.

    Who does one thing for a while is steady; where two programs share an account, or one list is dealt out, it is not.
    """
    seen = cut.seen
    # To send no system prompt is a way to ask as well; what is not known is 0.
    of_identities = (np.maximum(origins.system, 1)[seen.identity], origins.model[seen.identity])
    of_requests = (seen.capability - UNKNOWN, seen.language - UNKNOWN, seen.max_tokens - UNKNOWN)
    values = np.stack((*of_identities, *of_requests)).astype(np.uint32)
    earlier = cut.before(values, state["latest"].T)
    told = (values != 0) & (earlier != 0)
    same = told & (values == earlier)
    held = np.moveaxis(state["steady"], 1, 0)
    _add_to_mean(held, cut.sum(told.astype(np.int64)), LOG_STEPS * cut.sum(same.astype(np.int64)))
    state["latest"] = cut.last(values).T


def _origins(state: Accounts, cut: Segments, origins: Origins) -> None:
    """Take in how often the address changed, and how many requests carried a system prompt."""
    prompted = (origins.system != 0).astype(np.int64)[cut.seen.identity]
    _add_to_mean(state["prompted"], cut.counts, LOG_STEPS * cut.sum(prompted))
    own, address = origins.owner, origins.address
    if not len(own):
        return
    addresses = np.bincount(own, minlength=len(state))
    told = np.flatnonzero(addresses)
    starts = (np.cumsum(addresses) - addresses)[told]
    stayed = np.logical_or.reduceat(address == state["address"][own], starts) | (state["address"][told] == 0)
    changes, requests = np.zeros(len(state), dtype=np.int64), np.zeros(len(state), dtype=np.int64)
    changes[told] = np.minimum(addresses[told] - stayed, cut.counts[told])
    requests[told] = cut.counts[told]
    _add_to_mean(state["moves"], requests, LOG_STEPS * changes)
    state["address"][told] = np.maximum.reduceat(address, starts)


def _hours(state: Accounts, cut: Segments, window_start_ms: int) -> None:
    """Count the requests of the hour, mark its ten minutes, and clear what is older than a day.

    A window lies within one hour.
    """
    hour = window_start_ms // HOUR_MS
    last = state["hour"]
    kept = _BETWEEN[last % DAY_HOURS] >= (hour - last)[:, np.newaxis]
    hours = state["hours"] * kept
    slot = hour % DAY_HOURS
    hours[:, slot] = np.minimum(0xFFFF, hours[:, slot].astype(np.int64) + cut.counts)
    slots = state["slots"] * kept
    slots[:, slot] |= cut.bits(cut.seen.time_ms // SLOT_MS % SLOTS_PER_HOUR).astype(np.uint8)
    state["hours"], state["slots"] = hours, slots
    state["hour"] = hour


def _refusals(state: Accounts, cut: Segments, day: int) -> None:
    """Count the requests that were turned away, today and yesterday."""
    behind = day - state["refused_day"]
    yesterday = np.where(behind == 0, state["refused"][:, 1], np.where(behind == 1, state["refused"][:, 0], 0))
    today = np.where(behind == 0, state["refused"][:, 0], 0) + cut.sum(cut.seen.refused.astype(np.int64))
    state["refused"] = np.minimum(0xFFFF, np.stack((today, yesterday), axis=1))
    state["refused_day"] = day
