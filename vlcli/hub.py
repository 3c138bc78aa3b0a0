"""Whether the hub of weights can be asked at all."""

from __future__ import annotations

import os
import socket
from urllib.parse import urlparse
from urllib.request import getproxies

_OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
_ON = ("1", "true", "yes", "on")


def hub_can_be_reached() -> bool:
    """Asked beforehand: the hub's client would try for a minute without a network."""
    if any(os.environ.get(key, "0").lower() in _ON for key in _OFFLINE):
        return False
    hub = urlparse(os.environ.get("HF_ENDPOINT", "https://huggingface.co"))
    if getproxies().get(hub.scheme):
        return True
    try:
        socket.getaddrinfo(hub.hostname, hub.port or 443)
    except OSError:
        return False
    return True
