"""Image encoders as a spec names them: which feature types make features during the run."""

from __future__ import annotations

RAW = "raw:"  # feature_type: "raw:LIBRARY:NAME"
OF_RUN = "run:"  # an encoder that a run of two encoders has trained
LIBRARIES = ("timm", "torchvision", "open_clip", "huggingface")

# Libraries of towers, and what they have, for `vlcli list towers`.
TOWERS = {
    "open_clip": "both sides of CLIPs: architectures with their pretrained weights",
    "torchvision": "image towers: its classification networks with their weights",
    "timm": "image towers: its models with their weights",
    "huggingface": "image and text towers of transformers: any hub name or folder, and shapes that "
    "begin at random",
    "sbert": "text towers of sentence-transformers: any hub name, folder or package",
}
PRETRAINED, RANDOM = "pretrained", "random"  # what vis_weights names beside files and packages

# The CLIP towers of the published runs.
CLIP_ENCODERS = {
    "raw_RN50": "open_clip:RN50:openai",
    "raw_RN101": "open_clip:RN101:openai",
    "raw_RN50x4": "open_clip:RN50x4:openai",
    "raw_ViT": "open_clip:ViT-B-32:openai",
}


def encoder_of(feature_type: str) -> str | None:
    """The encoder `library:name[:tag]` that a feature type sends pictures through; None for the
    types without one."""
    if feature_type.startswith(RAW):
        return feature_type.removeprefix(RAW)
    return CLIP_ENCODERS.get(feature_type)


def fault_of(feature_type: str) -> str | None:
    """What is wrong with the form of a `raw:` feature type, in words; None where nothing is."""
    library, _, name = feature_type.removeprefix(RAW).partition(":")
    if library not in LIBRARIES:
        return f"after raw: stands a library, {', '.join(LIBRARIES[:-1])} or {LIBRARIES[-1]}"
    if not name.strip(" :"):
        return f"after raw:{library}: stands the name of an encoder"
    return None
