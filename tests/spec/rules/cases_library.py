"""Bad specs for the rules of the adapters library."""

from __future__ import annotations

from .case import Case


def case(code: str, severity: str, wrong: str, message: str, fix: str, right: str) -> Case:
    """One line of a spec that is wrong, and the same line mended."""
    spec = """{
    task: "vqa",
    %s,
}
"""
    return Case(
        code=code,
        severity=severity,
        spec=spec % wrong,
        message=message,
        fix=fix,
        at=(3, 5),
        path="adapter",
        mended=spec % right,
    )


CASES: list[Case] = [
    Case(
        code="R166",
        severity="error",
        spec="""{
    task: "vqa",
    adapter: "seq_bn",
    use_adapter: true,
    encoder_prompt_len: 4,
}
""",
        message=(
            "adapter and use_adapter and encoder_prompt_len are on together; a model is tuned by "
            "the adapters library or by our own methods."
        ),
        fix="Remove adapter, or remove use_adapter and encoder_prompt_len.",
        at=(3, 5),
        path="adapter",
        places=("use_adapter", "encoder_prompt_len"),
        mended="""{
    task: "vqa",
    adapter: "seq_bn",
}
""",
    ),
    case(
        "R167",
        "error",
        'adapter: "seq_bnn"',
        'adapter names "seq_bnn", which is no configuration of the adapters library.',
        "Did you mean seq_bn or seq_bn_inv?",
        'adapter: "seq_bn"',
    ),
    case(
        "R167",
        "error",
        'adapter: "seq_bn[reduction=8]"',
        "adapter gives seq_bn the option reduction, which it does not take here.",
        "Did you mean reduction_factor?",
        'adapter: "seq_bn[reduction_factor=8]"',
    ),
    case(
        "R167",
        "error",
        'adapter: "lora[r=0]"',
        "adapter sets r of lora to 0.",
        "r takes a whole number of at least 1.",
        'adapter: "lora[r=1]"',
    ),
    case(
        "R167",
        "error",
        'adapter: "seq_bn[non_linearity=gelu]"',
        'adapter gives seq_bn options that cannot be read: "non_linearity=gelu".',
        "Write option=value with values as in Python: 8, 0.5, True, 'gelu', ['q', 'v'].",
        "adapter: \"seq_bn[non_linearity='gelu']\"",
    ),
    case(
        "R167",
        "error",
        'adapter: "compacter[learn_phm=False]"',
        "adapter sets learn_phm of compacter, which has no place here: the library trains its "
        "rules whatever it says.",
        "Remove learn_phm.",
        'adapter: "compacter"',
    ),
    case(
        "R167",
        "error",
        'adapter: "prompt_tuning"',
        "adapter asks for prompt_tuning, which T5 and BART cannot have: the library has no prompt "
        "tuning for them; encoder_prompt_len has.",
        "Take another method, for example seq_bn.",
        'adapter: "seq_bn"',
    ),
    case(
        "R167",
        "error",
        'adapter: "mam|lora"',
        "adapter joins mam with another by |, and it is a union already.",
        "Take mam alone, or join its methods: prefix_tuning | par_bn.",
        'adapter: "prefix_tuning | par_bn | lora"',
    ),
    case(
        "R168",
        "error",
        'adapter: "lora|ia3"',
        "adapter joins lora and ia3, and the library holds one method of that kind.",
        "Keep lora or ia3.",
        'adapter: "ia3"',
    ),
    case(
        "R168",
        "error",
        'adapter: "seq_bn|double_seq_bn"',
        "adapter joins seq_bn and double_seq_bn at the same place of a layer.",
        "Give them places of their own by mh_adapter and output_adapter, or layers of their own by "
        "leave_out.",
        'adapter: "seq_bn|par_bn[mh_adapter=True, output_adapter=False]"',
    ),
    case(
        "R168",
        "error",
        'adapter: "mam[leave_out=[0]]"',
        "adapter leaves layers out of prefix_tuning; on T5 the library drops the relative "
        "positions of every layer that has another number of keys than the first.",
        "Remove leave_out, or choose a BART backbone.",
        'adapter: "mam[leave_out=[0]]", backbone: "bart-base"',
    ),
    case(
        "R168",
        "error",
        'adapter: "compacter[phm_dim=5]"',
        "adapter cuts the layers of compacter into phm_dim 5 parts, which does not divide their "
        "width 768.",
        "Set phm_dim to a number that divides the model's width and its width over "
        "reduction_factor, or change reduction_factor.",
        'adapter: "compacter[phm_dim=8]"',
    ),
    case(
        "R168",
        "error",
        "adapter: \"compacter[init_weights='houlsby']\"",
        "adapter sets init_weights of compacter to 'houlsby', and layers of Kronecker products "
        "(phm_layer) begin as 'bert' says.",
        "Set init_weights to 'bert'.",
        'adapter: "compacter"',
    ),
    case(
        "R168",
        "error",
        'adapter: "compacter[shared_W_phm=True, factorized_phm_W=False]"',
        "adapter shares the weights of compacter (shared_W_phm), which the library does with "
        "factorized_phm_W=True and one whole reduction_factor.",
        "Set shared_W_phm to False, or set the other two so.",
        'adapter: "compacter[shared_W_phm=True]"',
    ),
    case(
        "R168",
        "error",
        'adapter: "seq_bn[output_adapter=False]"',
        "adapter switches off every place of seq_bn, so nothing would be put in.",
        "Set mh_adapter, output_adapter or cross_adapter to True.",
        'adapter: "seq_bn[output_adapter=False, cross_adapter=True]"',
    ),
    case(
        "R168",
        "error",
        "adapter: \"seq_bn[residual_before_ln='post_add']\"",
        "adapter sets residual_before_ln to 'post_add', and T5 has no layer norm behind a layer to "
        "add before.",
        "Set residual_before_ln to True or False.",
        'adapter: "seq_bn[residual_before_ln=\'post_add\']", backbone: "bart-base"',
    ),
    case(
        "R168",
        "error",
        "adapter: \"seq_bn[inv_adapter='nice']\"",
        "adapter gives seq_bn an invertible adapter without a width.",
        "Set inv_adapter_reduction_factor to 2, for example.",
        'adapter: "seq_bn_inv"',
    ),
    case(
        "R169",
        "warning",
        'adapter: "unipelt"',
        "The gates of unipelt average over the whole target text in training, its end included, "
        "and over one token when writing.",
        "Take unipelt[use_gating=False], or choose answers by classifier: true.",
        'adapter: "unipelt[use_gating=False]"',
    ),
    case(
        "R170",
        "warning",
        'adapter: "seq_bn[phm_dim=4, phm_rank=2]"',
        "adapter sets phm_dim and phm_rank of seq_bn, which nothing reads without phm_layer=True.",
        "Remove phm_dim and phm_rank.",
        'adapter: "seq_bn"',
    ),
    case(
        "R170",
        "warning",
        'adapter: "lora[leave_out=[24]]"',
        "adapter leaves out layer 24, and the model has 24.",
        "Name layers from 0 to 23.",
        'adapter: "lora[leave_out=[23]]"',
    ),
]
