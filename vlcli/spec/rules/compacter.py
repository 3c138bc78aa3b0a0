"""Compacter: the sizes that its Kronecker products need."""

from __future__ import annotations

from collections.abc import Iterator
from math import gcd

from .. import facts
from ..run import Run
from . import Finding, Rule, listed, rule

RULES: list[Rule] = []


@rule(
    RULES,
    "R8",
    "error",
    "hypercomplex_division divides both widths",
    "hypercomplex_division reduction_factor use_compacter",
)
def division_divides_widths(run: Run) -> Iterator[Finding]:
    """A hypercomplex layer writes its weight as a sum of n Kronecker products, n being
    hypercomplex_division, of n x n rules with blocks of (in / n) x (out / n). Both of an adapter's
    widths, the model's D and the bottleneck's D // reduction_factor, must therefore be multiples of
    n; the published code stops with an assertion."""
    D, r, n = facts.width(run), facts.bottleneck(run), run.hypercomplex_division
    if not run.use_compacter or not D or not r:
        return
    split = [f"the model width {D}"] if D % n else []
    if r % n:
        split.append(f"the bottleneck width {r} ({D} // {run.reduction_factor})")
    if split:
        near = facts.near_divisors(gcd(D, r), n)
        yield Finding(
            ("hypercomplex_division",) if D % n else ("hypercomplex_division", "reduction_factor"),
            f"hypercomplex_division is {n} and does not divide {listed(split, 'or')}.",
            f"Set hypercomplex_division to {listed(map(str, near), 'or')}"
            + ("." if D % n else ", or change reduction_factor."),
        )
