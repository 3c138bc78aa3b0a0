"""The words by which tasks speak to VL-T5 and VL-BART: sentinels, regions, masks."""

from __future__ import annotations

import re

from vlcli.contracts import Wording
from vlcli.spec.sizes import VISUAL_TOKENS, Family

# In the order of their ids: both families are numbered downwards.
SENTINELS = tuple(f"<extra_id_{i}>" for i in reversed(range(VISUAL_TOKENS)))
REGIONS = tuple(f"<vis_extra_id_{i}>" for i in reversed(range(VISUAL_TOKENS)))
MARKS = ("<extra_id_", "<vis_extra_id_")  # how they begin
MARK = re.compile(r"<(?:vis_)?extra_id_\d+>")
REGION_NUMBER = {f"<vis_extra_id_{i}>": i for i in range(VISUAL_TOKENS)}

WORDING: dict[Family, Wording] = {"t5": Wording("span", None), "bart": Wording("denoise", "<mask>")}
