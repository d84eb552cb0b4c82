"""An evaluation as one HTML file with pictures, which needs nothing else."""

from streamer.evaluation.report.page import report

__all__ = ["report"]
