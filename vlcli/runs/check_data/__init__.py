"""The data that a spec names, walked before training: what is there, and what is wrong with it."""

from .findings import Finding, Report, SplitCount
from .walk import check

__all__ = ["Finding", "Report", "SplitCount", "check"]
