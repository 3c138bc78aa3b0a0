"""Which tuning method put a parameter into a model, and whose task it is."""

from __future__ import annotations

from torch import nn

from vlcli.contracts import Part
from vlcli.peft.freezing import Tuned
from vlcli.spec.library import ADAPTER


def tuned_parts(model: nn.Module) -> dict[str, Part]:
    """The method of every parameter that one brought, by its (first) name; with its task where it
    works for that task alone."""
    modules = dict(model.named_modules(remove_duplicate=False))
    first: dict[int, str] = {}
    methods: dict[str, str] = {}
    tasks: dict[str, set[str]] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        kept = first.setdefault(id(parameter), name)
        steps = name.split(".")
        if ADAPTER in steps:  # all tasks share it
            methods[kept] = "library"
            continue
        for depth in range(len(steps)):
            module = modules[".".join(steps[:depth])]
            if isinstance(module, Tuned):
                methods[kept] = module.method
            if isinstance(module, nn.ModuleDict | nn.ParameterDict):  # keyed by task
                tasks.setdefault(kept, set()).add(steps[depth])
    return {name: Part(method, _only(tasks.get(name))) for name, method in methods.items()}


def _only(tasks: set[str] | None) -> str | None:
    return next(iter(tasks)) if tasks and len(tasks) == 1 else None
