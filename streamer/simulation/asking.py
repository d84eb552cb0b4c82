"""From conversations (who, when) to requests: lengths, prompts, models, answers, retries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.special import ndtr

from streamer.simulation import tokens
from streamer.simulation.catalogue import LANGUAGES, MODELS, STACKS
from streamer.simulation.habits import Habits
from streamer.simulation.identity import DAY_MS
from streamer.simulation.prompts import Prompts, flipped
from streamer.simulation.randomness import Integers, Reals, Words, mix, normal, pick, uniform
from streamer.simulation.requests import REQUEST, Requests

if TYPE_CHECKING:
    from streamer.simulation.gateway import Failover
    from streamer.simulation.identity import Accounts
    from streamer.simulation.surroundings import Surroundings
    from streamer.simulation.traits import Content

_SPEED_MS: Final = np.array([model.milliseconds_per_token for model in MODELS])
_REASONS: Final = np.array([model.reasoning for model in MODELS])
_IS_TOOL: Final = np.array([stack.kind == "tool" for stack in STACKS])
_IS_PAGE: Final = np.array([stack.kind in {"web", "mobile"} for stack in STACKS])
_TOOL_PROMPT: Final = np.array([sum(map(ord, stack.user_agent.split("/")[0])) for stack in STACKS])
_OK: Final = 200
# Share of requests that stay with the account's usual model.
_LOYALTY: Final = 0.85
_SYSTEMS: Final = ("web", "tool", "own", "group", "none")


class Asker:
    """Writes the requests of one population. `who` is an index into `accounts`; `first` is that of the world."""

    def __init__(
        self,
        accounts: Accounts,
        content: Content,
        salt: int,
        first: int,
        surroundings: Surroundings,
        *,
        people: bool = True,
    ) -> None:
        self._accounts = accounts
        self._content = content
        self._salt = salt
        self._first = first
        self._surroundings = surroundings
        self._prompts = Prompts(content, salt)
        index = np.arange(len(accounts))
        self._kind_weights = [content.lengths.get(name, 0.0) for name in tokens.KIND_NAMES]
        self._kind = pick(self._kind_weights, uniform(mix(salt, 11, index))).astype(np.int8)
        self._favourite = pick(content.capabilities, uniform(mix(salt, 12, index))).astype(np.int8)
        self._limits = np.array(list(content.max_tokens))
        self._limit_weights = list(content.max_tokens.values())
        self._max_tokens = self._limits[pick(self._limit_weights, uniform(mix(salt, 13, index)))].astype(np.int32)
        self._model = pick(content.models, uniform(mix(salt, 14, index))).astype(np.int8)
        lag_days = content.adoption_days * np.exp(1.3 * normal(mix(salt, 15, index)))
        self._adoption_ms = np.minimum(lag_days * DAY_MS, 1e12).astype(np.int64)
        self._system_kind = pick(
            [content.system.get(name, 0.0) for name in _SYSTEMS], uniform(mix(salt, 16, index))
        ).astype(np.int8)
        self._trouble = np.exp(0.8 * normal(mix(salt, 17, index))).astype(np.float32)
        self._habits = Habits(content, salt, len(accounts), surroundings.variety if people else 0.0)

    def mean_turns(self) -> Reals:
        """Expected number of requests of a conversation, by account."""
        return self._habits.mean_turns

    def requests(
        self, rng: np.random.Generator, who: Integers, start_ms: Integers, failover: Failover | None = None
    ) -> Requests:
        """All requests of the conversations that `who` starts at `start_ms`, retries included, in no order."""
        content = self._content
        count = tokens.turns(self._habits.turns_mu[who], content.turns_sigma, rng.standard_normal(len(who)))
        conversation = np.repeat(np.arange(len(who)), count)
        first_row = np.cumsum(count) - count
        turn = np.arange(len(conversation)) - np.repeat(first_row, count)
        owner = who[conversation]
        rows = np.zeros(len(conversation), dtype=REQUEST)
        rows["session"] = rng.integers(1, 2**63, len(who), dtype=np.uint64)[conversation]
        rows["place"] = (rng.random(len(who)) < self._accounts.second_share[who])[conversation]
        self._lengths(rng, rows, owner, conversation, turn)
        self._circumstances(rng, rows, owner, conversation, turn)
        self._timing(rng, rows, owner, start_ms[conversation], turn)
        self._models(rng, rows, owner)
        rows["simhash"] = self._prompts.draw(rng, owner, self._accounts.group[owner], rows["language"], turn)
        self._attribute(rows, owner)
        rows, owner = self._answers(rng, rows, owner, failover)
        return rows[rows["time_ms"] < self._accounts.end_ms[owner]]

    def _lengths(
        self, rng: np.random.Generator, rows: Requests, owner: Integers, conversation: Integers, turn: Integers
    ) -> None:
        content, conversations = self._content, int(conversation[-1]) + 1 if len(conversation) else 0
        kind = np.where(
            rng.random(conversations) < 0.75,  # noqa: PLR2004 - people mostly do one kind of thing
            self._kind[owner[turn == 0]],
            pick(self._kind_weights, rng.random(conversations)),
        )[conversation]
        for column, shift, number in (("input", content.input_shift, 18), ("output", content.output_shift, 19)):
            person = normal(mix(self._salt, number, owner))
            talk = rng.standard_normal(conversations)[conversation]
            quantile = ndtr(0.5 * person + 0.5 * talk + np.sqrt(0.5) * rng.standard_normal(len(rows)) + shift)
            rows[column] = (tokens.input_tokens if column == "input" else tokens.output_tokens)(kind, quantile)
        share = tokens.cached_ratio(rng.random(len(rows)))
        warm = (turn > 0) | (rng.random(len(rows)) < self._habits.warm_ratio[owner])
        rows["cached"] = np.where(warm, share * np.where(turn > 0, 1.0, 0.3) * rows["input"], 0)

    def _circumstances(
        self, rng: np.random.Generator, rows: Requests, owner: Integers, conversation: Integers, turn: Integers
    ) -> None:
        content, conversations = self._content, int(conversation[-1]) + 1 if len(conversation) else 0
        own = self._favourite[owner]
        other = pick(content.capabilities, rng.random(conversations))[conversation]
        rows["capability"] = np.where((rng.random(conversations) < content.focus)[conversation], own, other)
        if content.languages:
            spoken = np.array([LANGUAGES.index(name) for name in content.languages])
            language = spoken[pick(1 / np.arange(1, len(spoken) + 1), rng.random(conversations))][conversation]
        else:
            language = self._accounts.language[owner]
        language = np.where((rng.random(conversations) < content.own_language)[conversation], language, 0)
        rows["language"] = self._habits.languages(rng, language, owner, conversation)
        # Some programs set the same parameters every time, others do so by the task.
        fickle = (rng.random(conversations) < 0.6 * uniform(mix(self._salt, 22, owner[turn == 0])) ** 2)[conversation]
        other_limit = self._limits[pick(self._limit_weights, rng.random(conversations))][conversation]
        limit = np.where(fickle, other_limit, self._max_tokens[owner])
        rows["max_tokens"] = limit
        rows["output"] = np.where(limit > 0, np.minimum(rows["output"], limit), rows["output"])
        streams = (rng.random(conversations) < content.streaming)[conversation]
        rows["stream"] = np.where(fickle, streams, uniform(mix(self._salt, 20, owner)) < content.streaming)
        if content.end_users:
            rank = np.minimum(rng.zipf(1.3, conversations), content.end_users)[conversation]
            rows["end_user"] = mix(self._salt, 21, owner, rank)

    def _timing(
        self, rng: np.random.Generator, rows: Requests, owner: Integers, start_ms: Integers, turn: Integers
    ) -> None:
        content = self._content
        first_token = 350 * np.exp(0.5 * rng.standard_normal(len(rows))) + 0.04 * rows["input"]
        # The model is chosen after the time is known; its speed is added there.
        rows["duration_ms"] = np.minimum(first_token, 2_000_000)
        pause_mu = self._habits.pause_mu[owner]
        pause_ms = 1000 * np.exp(pause_mu + content.pause_sigma * rng.standard_normal(len(rows)))
        pause_ms = np.minimum(pause_ms, 7_200_000.0) + rows["output"] * 5.0
        elapsed = np.cumsum(np.where(turn > 0, pause_ms, 0.0))
        begins = np.repeat(elapsed[turn == 0], np.diff(np.append(np.flatnonzero(turn == 0), len(turn))))
        rows["time_ms"] = start_ms + (elapsed - begins).astype(np.int64)

    def _models(self, rng: np.random.Generator, rows: Requests, owner: Integers) -> None:
        model = np.where(
            rng.random(len(rows)) < _LOYALTY, self._model[owner], pick(self._content.models, rng.random(len(rows)))
        )
        for launched_ms, launched in self._surroundings.launches:
            moved = rows["time_ms"] > launched_ms + self._adoption_ms[owner]
            small = model == 1
            model = np.where(moved & (small == (launched == len(MODELS) - 1)), launched, model)
        rows["model"] = model
        answer_ms = rows["output"] * _SPEED_MS[model] * np.exp(0.25 * rng.standard_normal(len(rows)))
        reasons = _REASONS[model] & (rng.random(len(rows)) < 0.8)  # noqa: PLR2004
        thought = np.minimum(60 + rows["output"] * np.exp(rng.normal(-0.4, 0.8, len(rows))), 60_000)
        rows["reasoning"] = np.where(_REASONS[model], np.where(reasons, thought, 0), -1)
        rows["duration_ms"] += np.minimum(answer_ms + np.where(reasons, thought * 8, 0), 3_000_000).astype(np.int32)

    def _attribute(self, rows: Requests, owner: Integers) -> None:
        """Fill what hangs on the account that sends the request, and not on the request."""
        stack = self._accounts.stack[owner, rows["place"]]
        rows["account"] = owner + self._first
        rows["system"] = self._system(owner, stack, self._habits.project(owner, rows["session"]))
        choice = uniform(mix(self._salt, 23, owner))
        own_tools = mix(self._salt, 24, owner)
        common = np.where(_IS_PAGE[stack], mix(7, stack * 0), mix(8, _TOOL_PROMPT[stack]))
        usual = np.where(_IS_TOOL[stack], 0.8, np.where(_IS_PAGE[stack], 0.5, 0.0))
        own = np.where(_IS_PAGE[stack], 0.0, np.where(_IS_TOOL[stack], 1.0, 0.35))
        rows["tools"] = np.where(choice < usual, common, np.where(choice < own, own_tools, 0))

    def _system(self, owner: Integers, stack: Integers, project: Integers) -> Words:
        kind = self._system_kind[owner].copy()
        page, tool = _IS_PAGE[stack], _IS_TOOL[stack]
        bare = uniform(mix(self._salt, 25, owner)) < 0.4  # noqa: PLR2004 - programs without a system prompt
        web, of_tool, own, group, none = range(5)
        kind = np.where((kind == web) & ~page, np.where(tool, of_tool, np.where(bare, none, own)), kind)
        kind = np.where((kind == of_tool) & ~tool, np.where(page, web, own), kind)
        hashed = np.zeros(len(owner), dtype=np.uint64)
        hashed[kind == web] = mix(3, 0)[0]
        hashed = np.where(kind == of_tool, mix(4, _TOOL_PROMPT[stack]), hashed)
        written = mix(self._salt, 26, owner)
        written = np.where(project > 0, mix(written, project), written)
        hashed = np.where(kind == own, written, hashed)
        return np.where(kind == group, mix(self._salt, 27, self._accounts.group[owner]), hashed)

    def _answers(
        self, rng: np.random.Generator, rows: Requests, owner: Integers, failover: Failover | None
    ) -> tuple[Requests, Integers]:
        content = self._content
        rows["status"] = self._statuses(rng, rows, owner)
        every, owners = [rows], [owner]
        for attempt in range(content.retries):
            again = (rows["status"] == 429) | (rows["status"] == 529)  # noqa: PLR2004
            again &= rng.random(len(rows)) < 0.85  # noqa: PLR2004 - some give up
            if not again.any():
                break
            rows, owner = rows[again].copy(), owner[again]
            wait_ms = (
                1000 * content.retry_s * (2 if failover is None else 1) ** attempt * rng.exponential(1.0, len(rows))
            )
            rows["time_ms"] += (wait_ms + 200).astype(np.int64)
            if failover is not None:
                owner = self._handed_over(rng, rows, owner, failover)
            rows["status"] = self._statuses(rng, rows, owner)
            every.append(rows)
            owners.append(owner)
        done, whose = np.concatenate(every), np.concatenate(owners)
        refused = done["status"] != _OK
        for column in ("output", "cached"):
            done[column][refused] = 0
        done["reasoning"][refused & (done["reasoning"] > 0)] = 0
        done["duration_ms"][refused] = rng.integers(8, 400, int(refused.sum()))
        return done, whose

    def _handed_over(self, rng: np.random.Generator, rows: Requests, owner: Integers, failover: Failover) -> Integers:
        """Let others send the same rows; returns who they are."""
        taken = failover(rng, owner, rows["time_ms"])
        rows["place"] = 0
        if self._content.retry_flips:
            rows["simhash"] = flipped(rng, rows["simhash"], self._content.retry_flips)
        if not self._content.session_follows:
            rows["session"] = np.where(taken == owner, rows["session"], mix(rows["session"], taken) >> np.uint64(1))
        self._attribute(rows, taken)
        return taken

    def _statuses(self, rng: np.random.Generator, rows: Requests, owner: Integers) -> Integers:
        trouble = self._trouble[owner]
        limited: Reals = np.minimum(self._content.limited_ratio * trouble, 0.6)
        failed = np.minimum(self._content.error_ratio * trouble, 0.3)
        overloaded = self._surroundings.overload_ratio(rows["time_ms"])
        draw = rng.random(len(rows))
        status = np.full(len(rows), _OK)
        status[draw < limited + failed + overloaded] = 529
        status[draw < limited + failed] = 400
        status[draw < limited + failed * 0.3] = 500
        status[draw < limited] = 429
        return status
