"""How good was that: the records of a run, measured against the truth."""

from streamer.evaluation.comparison import Comparison, compare
from streamer.evaluation.judgement import evaluate
from streamer.evaluation.pool import pooled
from streamer.evaluation.result import CampaignResult, ClusterResult, Evaluation, Honest, Within
from streamer.evaluation.traffic import Plan

__all__ = [
    "CampaignResult",
    "ClusterResult",
    "Comparison",
    "Evaluation",
    "Honest",
    "Plan",
    "Within",
    "compare",
    "evaluate",
    "pooled",
]
