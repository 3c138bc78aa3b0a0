"""The adapters library: what it reads, what it cannot do on T5 and BART, what has no effect."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from .. import facts
from ..library import Configuration, Part, Unreadable, read
from ..run import Run
from . import Finding, Rule, listed, rule

RULES: list[Rule] = []

OURS = [key for key in facts.TUNING_METHODS if key != "adapter"]
PLACES = {
    "bottleneck": ("mh_adapter", "output_adapter", "cross_adapter"),
    "lora": ("selfattn_lora", "intermediate_lora", "output_lora"),
    "prefix": (),
}
PHM = [
    "phm_dim",
    "phm_rank",
    "phm_bias",
    "phm_c_init",
    "phm_init_range",
    "hypercomplex_nonlinearity",
    "factorized_phm_W",
    "shared_W_phm",
    "shared_phm_rule",
    "factorized_phm_rule",
]
Trouble = Iterator[tuple[str, str]]  # what is wrong, and what to do


def configuration(run: Run) -> Configuration | None:
    """What `adapter` asks for, where that can be read (R167 speaks of the rest)."""
    try:
        return None if run.adapter is None else read(run.adapter)
    except Unreadable:
        return None


def layers(run: Run) -> int | None:
    """How many layers both stacks have, where the backbone is a known one."""
    known = facts.known_backbone(run)
    return 2 * known.layers if known else None


@rule(RULES, "R166", "error", "the library's adapter stands alone", "adapter " + " ".join(OURS))
def library_stands_alone(run: Run) -> Iterator[Finding]:
    """adapter puts a method of the adapters library into the language model; the use_* keys and
    prompt lengths put in our own. Both would change the same layers, and nobody has said in which
    order. Several methods of the library are joined in one string: seq_bn|lora."""
    ours = run.on(*OURS)
    if run.adapter is not None and ours:
        yield Finding(
            ("adapter", *ours),
            f"adapter and {listed(ours)} are on together; a model is tuned by the adapters library "
            "or by our own methods.",
            f"Remove adapter, or remove {listed(ours)}.",
        )


@rule(RULES, "R167", "error", "adapter is a configuration of the library", "adapter")
def library_reads_it(run: Run) -> Iterator[Finding]:
    """adapter holds a configuration string of the adapters library: a name (seq_bn, lora, mam and
    so on, its older names, and those of the published alignment code), options in brackets, and
    several of them joined by |. It is read when the spec is, with the options that the library
    takes on T5 and BART."""
    if run.adapter is None:
        return
    try:
        read(run.adapter)
    except Unreadable as error:
        yield Finding(("adapter",), error.message, error.fix)


@rule(RULES, "R168", "error", "the library can build the adapter", "adapter backbone arch")
def library_can_build_it(run: Run) -> Iterator[Finding]:
    """Not everything that can be written down can be built: some methods exclude each other, some
    options need others, some need widths that divide, and some stop the library with an error or
    silently drop T5's relative positions."""
    found = configuration(run)
    if found is None:
        return
    for message, fix in troubles(found, facts.family(run), facts.width(run), layers(run)):
        yield Finding(("adapter",), message, fix)


def troubles(
    found: Configuration, family: str | None, width: int | None, total: int | None
) -> Trouble:
    """What stands against a configuration in a model of a family and width, with so many layers
    (None: not known)."""
    said = [_together(found, total)]
    for part in found.parts:
        if part.family in PLACES:
            said.append(_somewhere(part, total))
        if part.family == "prefix" and family == "t5":
            said.append(_t5_prefix(part))
        if part.family == "bottleneck":
            said += [_bottleneck(part, family), _kronecker(part, width)]
    yield from dict.fromkeys(each for trouble in said for each in trouble)


def _together(found: Configuration, total: int | None) -> Trouble:
    """What two methods of one family would need: places of their own."""
    for one, other in combinations(found.parts, 2):
        if one.family != other.family:
            continue
        if one.family != "bottleneck":
            yield (
                f"adapter joins {one.name} and {other.name}, and the library holds one method of "
                "that kind.",
                f"Keep {one.name} or {other.name}.",
            )
        elif _meet(one, other, total):
            yield (
                f"adapter joins {one.name} and {other.name} at the same place of a layer.",
                "Give them places of their own by mh_adapter and output_adapter, or layers of "
                "their own by leave_out.",
            )
        for key in ("phm_layer", "inv_adapter"):
            if one.settings.get(key) and other.settings.get(key):
                yield (
                    f"adapter joins {one.name} and {other.name}, and the library holds one method "
                    f"with {key}.",
                    f"Keep {one.name} or {other.name}.",
                )


def _meet(one: Part, other: Part, total: int | None) -> bool:
    left_out = [set(part.settings["leave_out"]) for part in (one, other)]
    if not any(left_out):
        return any(one.settings[key] == other.settings[key] for key in PLACES["bottleneck"][:2])
    if not total or not set(range(total)).difference(*left_out):
        return False  # of an unknown model the library itself will tell
    return any(one.settings[key] and other.settings[key] for key in PLACES["bottleneck"])


def _somewhere(part: Part, total: int | None) -> Trouble:
    """A method stands in at least one place of at least one layer."""
    places, settings = PLACES[part.family], part.settings
    on = [key for key in places if settings[key]]
    if on == ["selfattn_lora"] and not settings["attn_matrices"]:
        on = []
    if places and not on and not settings.get("inv_adapter"):
        yield (
            f"adapter switches off every place of {part.name}, so nothing would be put in.",
            f"Set {listed(places, 'or')} to True.",
        )
    if total and not set(range(total)) - set(settings["leave_out"]):
        yield (
            f"adapter leaves every one of the model's {total} layers out of {part.name}.",
            "Leave fewer layers out.",
        )


def _t5_prefix(part: Part) -> Trouble:
    if part.settings["leave_out"]:
        yield (
            f"adapter leaves layers out of {part.name}; on T5 the library drops the relative "
            "positions of every layer that has another number of keys than the first.",
            "Remove leave_out, or choose a BART backbone.",
        )


def _bottleneck(part: Part, family: str | None) -> Trouble:
    settings = part.settings
    if settings["residual_before_ln"] == "post_add" and not settings["is_parallel"]:
        if family == "t5":
            yield (
                "adapter sets residual_before_ln to 'post_add', and T5 has no layer norm behind a "
                "layer to add before.",
                "Set residual_before_ln to True or False.",
            )
        elif not settings["original_ln_before"]:
            yield (
                f"adapter sets residual_before_ln of {part.name} to 'post_add', which needs "
                "original_ln_before=True.",
                "Set original_ln_before to True, or residual_before_ln to True or False.",
            )
    if settings["inv_adapter"] and not settings["inv_adapter_reduction_factor"]:
        yield (
            f"adapter gives {part.name} an invertible adapter without a width.",
            "Set inv_adapter_reduction_factor to 2, for example.",
        )


def _kronecker(part: Part, width: int | None) -> Trouble:
    settings = part.settings
    if not settings["phm_layer"]:
        return
    if settings["init_weights"] != "bert":
        yield (
            f"adapter sets init_weights of {part.name} to '{settings['init_weights']}', and layers "
            "of Kronecker products (phm_layer) begin as 'bert' says.",
            "Set init_weights to 'bert'.",
        )
    factor = settings["reduction_factor"]
    if settings["shared_W_phm"] and not (settings["factorized_phm_W"] and type(factor) is int):
        yield (
            f"adapter shares the weights of {part.name} (shared_W_phm), which the library does "
            "with factorized_phm_W=True and one whole reduction_factor.",
            "Set shared_W_phm to False, or set the other two so.",
        )
    factors = factor.values() if isinstance(factor, dict) else [factor]
    narrow = [max(int(width // each), 1) for each in factors] if width else []
    uneven = [each for each in (width, *narrow) if each and each % settings["phm_dim"]]
    if uneven:
        yield (
            f"adapter cuts the layers of {part.name} into phm_dim {settings['phm_dim']} parts, "
            f"which does not divide their width {uneven[0]}.",
            "Set phm_dim to a number that divides the model's width and its width over "
            "reduction_factor, or change reduction_factor.",
        )


@rule(RULES, "R169", "warning", "gates see the whole text", "adapter classifier")
def gates_see_ahead(run: Run) -> Iterator[Finding]:
    """The gates of the library (use_gating; unipelt has them everywhere) are averaged over all
    tokens that go through a layer at once. While the model learns, that is the whole target text,
    the words it should predict included; while it writes, it is the newest token alone. So what it
    writes is not what its training loss measured."""
    found = configuration(run)
    gated = [part.name for part in found.parts if part.settings["use_gating"]] if found else []
    if found and gated and not run.classifier:
        names = found.pieces[0][0] if len(found.pieces) == 1 else listed(gated)
        yield Finding(
            ("adapter",),
            f"The gates of {names} average over the whole target text in training, its end "
            "included, and over one token when writing.",
            f"Set use_gating=False for {names}, as in {gated[0]}[use_gating=False]."
            if len(found.pieces) > 1
            else f"Take {names}[use_gating=False], or choose answers by classifier: true.",
        )


@rule(RULES, "R170", "warning", "options that nothing reads", "adapter backbone")
def options_without_effect(run: Run) -> Iterator[Finding]:
    """An option that another one makes idle: phm_* without phm_layer, the width of a network that
    a flat prefix does not have, a layer norm that a parallel adapter does not pass, a layer that
    the model does not have."""
    found = configuration(run)
    for part in found.parts if found else ():
        idle = [(key, why) for key, why in _idle(part) if key in part.written]
        for why in dict.fromkeys(why for _, why in idle):
            keys = [key for key, each in idle if each == why]
            yield Finding(
                ("adapter",),
                f"adapter sets {listed(keys)} of {part.name}, which nothing reads {why}.",
                f"Remove {listed(keys)}.",
            )
        total = layers(run)
        beyond = [each for each in part.settings["leave_out"] if total and each >= total]
        if beyond:
            yield Finding(
                ("adapter",),
                f"adapter leaves out layer {listed(map(str, beyond))}, and the model has {total}.",
                f"Name layers from 0 to {(total or 1) - 1}.",
            )


def _idle(part: Part) -> Iterator[tuple[str, str]]:
    settings = part.settings
    if part.family == "bottleneck":
        if not settings["phm_layer"]:
            yield from ((key, "without phm_layer=True") for key in PHM)
        if settings["is_parallel"]:
            sequential = ("original_ln_before", "residual_before_ln", "adapter_residual_before_ln")
            yield from ((key, "in a parallel adapter") for key in sequential)
            yield "stochastic_depth", "in a parallel adapter"
        elif not settings["ln_after"]:
            yield "adapter_residual_before_ln", "without ln_after=True"
        if not settings["inv_adapter"]:
            yield "inv_adapter_reduction_factor", "without inv_adapter"
    if part.family == "prefix":
        if settings["flat"]:
            yield "bottleneck_size", "in a flat prefix"
            yield "non_linearity", "in a flat prefix"
        if not settings["use_gating"]:
            yield "shared_gating", "without use_gating=True"
    if part.family == "lora":
        if not settings["selfattn_lora"]:
            yield "attn_matrices", "without selfattn_lora=True"
        if settings["use_gating"]:
            yield "alpha", "beside gates"
