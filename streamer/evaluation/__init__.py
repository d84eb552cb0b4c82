"""How good was that: the records of a run, measured against the truth."""

from streamer.evaluation.judgement import evaluate
from streamer.evaluation.pool import pooled
from streamer.evaluation.result import CampaignResult, ClusterResult, Evaluation, Honest, Within
from streamer.evaluation.traffic import Plan

__all__ = ["CampaignResult", "ClusterResult", "Evaluation", "Honest", "Plan", "Within", "evaluate", "pooled"]
