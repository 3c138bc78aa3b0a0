"""ActivityNet-QA: questions about long clips."""

from __future__ import annotations

from vlcli.contracts import Example

from .questions import Questions

# Kinds of questions that were written freely: all but motion, spatial and temporal relations.
FREE = ("yes_no", "color", "object", "location", "number", "other")


class ActivityNet(Questions):
    """Questions of ActivityNet-QA; those of a kind of FREE count to the group "free", too."""

    name = "activitynet"

    def groups(self, example: Example) -> tuple[str, ...]:
        return (example.kind, "free" if example.kind in FREE else "")
