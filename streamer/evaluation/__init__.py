"""How good was that: the records of a run, measured against the truth."""

from streamer.evaluation.judgement import evaluate
from streamer.evaluation.result import CampaignResult, ClusterResult, Evaluation, Honest

__all__ = ["CampaignResult", "ClusterResult", "Evaluation", "Honest", "evaluate"]
