"""ActivityNet-QA: questions about long clips."""

from __future__ import annotations

from vlcli.contracts import Example

from .questions import Questions

KINDS = (
    "motion",
    "spatial relation",
    "temporal relation",
    "yes/no",
    "color",
    "object",
    "location",
    "number",
    "other",
)
FREE = KINDS[3:]  # kinds of questions that were written freely


class ActivityNet(Questions):
    """Questions of ActivityNet-QA. `kind` is one of KINDS, or its number; those of FREE count to
    the group "free", too."""

    name = "activitynet"

    def groups(self, example: Example) -> tuple[str, ...]:
        kind = example.kind
        if kind.isdecimal() and int(kind) < len(KINDS):
            kind = KINDS[int(kind)]
        return (kind, "free" if kind in FREE else "")
