"""What people said of alerts, and what is learned from it: how much weight each family of evidence deserves.

A logistic regression (River), prequential: it says how likely an alert is to be confirmed before it is told. Its
coefficients move the weights of the families, within bounds: no family is ever silenced, none outweighs all others.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from streamer.detection.evidence import EvidenceItem

if TYPE_CHECKING:
    from river import linear_model

LOWEST, HIGHEST = 0.5, 1.5
LEARNING_RATE = 0.05
STRENGTH_CAP = 20.0
MAX_EXAMPLES = 2000


class Opinion:
    """Learns from what is confirmed and dismissed; its state is what it was told, in order."""

    def __init__(self) -> None:
        self._model: linear_model.LogisticRegression | None = None
        self._examples: list[tuple[dict[str, float], bool]] = []
        self._seen: list[str] = []

    def is_new(self, saying_id: str) -> bool:
        """Note a saying; False if it was noted before."""
        if saying_id in self._seen:
            return False
        self._seen = [*self._seen[1 - MAX_EXAMPLES :], saying_id]
        return True

    def learn(self, evidence: Sequence[EvidenceItem], *, confirmed: bool) -> float:
        """Learn one verdict about an alert with this evidence; give how likely it was held to be confirmed."""
        strengths = {item.family: min(STRENGTH_CAP, -item.log10_p) / STRENGTH_CAP for item in evidence}
        model = self._taught()
        expected = float(model.predict_proba_one(strengths).get(True, 0.5))
        self._examples.append((strengths, confirmed))
        model.learn_one(strengths, confirmed)
        if len(self._examples) > MAX_EXAMPLES:
            self._relearn(self._examples[-MAX_EXAMPLES // 2 :])
        return expected

    def _relearn(self, examples: Sequence[tuple[dict[str, float], bool]]) -> None:
        """Learn anew from some examples alone: what is held is always what the model has learned."""
        self._model, self._examples = None, list(examples)
        for strengths, confirmed in examples:
            self._taught().learn_one(strengths, confirmed)

    def _taught(self) -> linear_model.LogisticRegression:
        """Give the model; it is made for the first thing that anybody says, as to load it takes a second or two."""
        if self._model is None:
            from river import linear_model, optim  # noqa: PLC0415

            optimizer = optim.SGD(LEARNING_RATE)
            self._model = linear_model.LogisticRegression(optimizer=optimizer, intercept_lr=LEARNING_RATE)
        return self._model

    def weight(self, family: str) -> float:
        """Give the weight of a family: 1 until people have said something about it, never beyond the bounds.

        >>> Opinion().weight("evenness")
        1.0
        """
        if self._model is None:
            return 1.0
        return min(HIGHEST, max(LOWEST, math.exp(self._model.weights.get(family, 0.0))))

    def snapshot(self) -> dict[str, Any]:
        """Plain data from which `restore` makes the same opinion."""
        examples = [[sorted(strengths.items()), confirmed] for strengths, confirmed in self._examples]
        return {"examples": examples, "seen": list(self._seen)}

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `snapshot` gave, by learning it again."""
        self._seen = list(state["seen"])
        self._relearn([(dict(strengths), confirmed) for strengths, confirmed in state["examples"]])
