"""Which tuning methods go into which tower."""

from __future__ import annotations

from collections.abc import Iterator

from vlcli.spec.library import Configuration, Part, Unreadable, read_for_encoder
from vlcli.spec.rules import Finding, Rule, rule
from vlcli.spec.rules.library import troubles
from vlcli.spec.run import Run

from . import known
from .groups.needs import ADAPTERS, adapter_of

RULES: list[Rule] = []

NO_PROMPTS = ("t5", "mt5", "bart", "mbart", "gpt2", "clip", "clip_text_model", "clip_vision_model")
FUSED = ("dora", "mtl_lora", "vera")  # the methods that need q, k and v apart
BY_INTERFACE = {"mpnet": ("prefix", "prompt")}  # families of methods that ours does not offer


def configuration(run: Run, side: str) -> Configuration | None:
    """What the adapter of a side asks for, where that can be read (I28 speaks of the rest)."""
    text = adapter_of(run, side)
    try:
        return None if text is None else read_for_encoder(text)
    except Unreadable:
        return None


@rule(RULES, "I28", "error", "an adapter that a library has", "adapter image_adapter")
def library_has_it(run: Run) -> Iterator[Finding]:
    """adapter (of the text tower) and image_adapter hold a configuration string of the adapters
    library: a name, options in brackets, several of them joined by |; or peft: and a method of that
    library. Names of the published alignment code are known, too."""
    for side, key in ADAPTERS.items():
        text = adapter_of(run, side)
        try:
            read_for_encoder(text or "lora")
        except Unreadable as error:
            message = error.message.replace("adapter ", f"{key} ", 1)
            yield Finding((key,), message, error.fix)


@rule(
    RULES,
    "I21",
    "error",
    "an adapter that its tower can have",
    "adapter image_adapter text_model text_model_builder image_model image_model_builder",
)
def tower_can_have_it(run: Run) -> Iterator[Finding]:
    """The adapters library knows models of transformers and no others; towers of open_clip, timm
    and torchvision take the methods of peft. In the models it knows some methods have no place:
    invertible adapters stand behind word embeddings, prompts in front of an encoder's words, and
    GPT-2 makes queries, keys and values by one layer that DoRA and its like cannot split."""
    for side, key in ADAPTERS.items():
        found = configuration(run, side)
        if found is None:
            continue
        builder = getattr(run, f"{side}_model_builder")
        if builder == "stored":
            continue
        if builder != "huggingface":
            if not found.has("peft"):
                yield Finding(
                    (key, f"{side}_model_builder"),
                    f"{key} asks for {run.values[key]} of the adapters library, which knows no "
                    f"towers of {builder}.",
                    f'Set {key}: "peft:lora", or another method of peft.',
                )
            continue
        model = known.transformers_model(getattr(run, f"{side}_model"))
        said = [each for part in found.parts for each in _misplaced(part, side, model.family)]
        if not found.has("peft"):
            said += troubles(found, model.family or None, model.width, None)
        for message, fix in dict.fromkeys(said):
            message = message.replace("adapter ", f"{key} ", 1)
            yield Finding((key, f"{side}_model"), message, fix)


def _misplaced(part: Part, side: str, family: str) -> Iterator[tuple[str, str]]:
    other = "Choose another method, for example lora."
    if side == "image" and part.settings.get("inv_adapter"):
        yield (
            f"adapter asks for {part.name}, whose invertible part stands behind word embeddings, "
            "and a model of pictures has none.",
            "Take seq_bn, which is the rest of it.",
        )
    if part.family == "prompt" and (family in NO_PROMPTS or family.startswith(("clip", "siglip"))):
        yield f"adapter asks for prompt_tuning, which the library has not for {family}.", other
    if part.name in FUSED and family == "gpt2" and (part.family, part.name) != ("peft", "dora"):
        yield (
            f"adapter asks for {part.name}, and GPT-2 makes queries, keys and values by one layer, "
            "which it cannot split.",
            other,
        )
    if part.family in BY_INTERFACE.get(family, ()):
        yield f"adapter asks for {part.name}, which the library has not for {family}.", other


@rule(RULES, "I22", "error", "learned prompts stand alone", "n_prompt adapter")
def prompts_stand_alone(run: Run) -> Iterator[Finding]:
    """n_prompt puts learned vectors among the words of a text tower, adapter puts a method into its
    layers. The published tool takes one of them."""
    if run.n_prompt and run.adapter is not None:
        yield Finding(
            ("n_prompt", "adapter"),
            f"n_prompt is {run.n_prompt} and adapter asks for {run.adapter}; a text tower is tuned "
            "by one of them.",
            "Remove n_prompt or adapter.",
        )


@rule(RULES, "I23", "error", "learned prompts in open_clip", "n_prompt text_model_builder")
def prompts_in_open_clip(run: Run) -> Iterator[Finding]:
    """Learned vectors stand behind the start token of open_clip's text towers. Models of
    transformers have prompt_tuning of the adapters library."""
    if run.n_prompt and run.text_model_builder != "open_clip":
        yield Finding(
            ("n_prompt", "text_model_builder"),
            f"n_prompt is for text towers of open_clip, and this one is of "
            f"{run.text_model_builder}.",
            'Set adapter: "prompt_tuning" in place of n_prompt.',
        )
