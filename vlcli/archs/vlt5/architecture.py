"""VL-T5 and VL-BART as the trainer knows them: batches in, losses or written answers out.

B batch, S encoder tokens, T target tokens, D model width, V vocabulary, A answers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from transformers import EncoderDecoderCache, PreTrainedTokenizerBase
from transformers.cache_utils import DynamicCache

from vlcli.contracts import Architecture, Example, Losses, Part, Prediction, decay_groups
from vlcli.peft.library import LibraryAdapter
from vlcli.peft.output import OutputAdapter
from vlcli.peft.parts import tuned_parts
from vlcli.peft.prefix import Pairs
from vlcli.peft.sites import Anatomy
from vlcli.peft.tuning import Tuning
from vlcli.spec.groups.generation import GenerationArgs
from vlcli.spec.groups.visual_embedding import VisualEmbeddingArgs
from vlcli.spec.problem import UserError
from vlcli.spec.run import largest
from vlcli.spec.sizes import family_of

from . import losses
from .backbones import load_backbone
from .batch import Collator, VLBatch
from .decoding import AnswerTrie, Writer
from .joint import Encoded
from .spec import VLSpec
from .spelling import Spelling, box_named
from .tower import vis_encoder
from .vis_encoder import VisEncoder
from .visual_embedding import VisualTokens


class VLArchitecture(Architecture):
    """What VL-T5 and VL-BART share; a family says how its stock modules are put together.

    `answers` are the classes of the `classifier` head, or the only answers that may be written.
    """

    family: ClassVar[str] = ""
    tower_prefix = "vis_encoder."

    def __init__(
        self,
        stock: Any,
        args: VisualEmbeddingArgs,
        feature_width: int,
        tokenizer: PreTrainedTokenizerBase | None = None,
        generation: GenerationArgs | None = None,
        answers: Sequence[str] = (),
        classifier: bool = False,
        log_accuracy: bool = False,
        tuning: Any = None,
        tasks: Sequence[str] = (),
        vis_encoder: VisEncoder | None = None,
    ) -> None:
        super().__init__()
        self.config: Any = stock.config
        self.tokenizer = tokenizer
        self.use_vision = args.use_vision
        self.answers = tuple(answers)
        self.log_accuracy = log_accuracy
        self.new_tokens = max(largest(generation.gen_max_length) - 1, 1) if generation else 19
        self.num_beams = largest(generation.num_beams) if generation else 1
        library = LibraryAdapter(stock, tuning.adapter) if tuning and tuning.adapter else None
        self.assemble(stock, args, vis_encoder.width if vis_encoder else feature_width)
        self.vis_encoder = vis_encoder
        self.last_stage = f"{self.tower_prefix}{vis_encoder.last_stage}." if vis_encoder else ""
        self.tuning = None
        if tuning:
            anatomy = self.anatomy()
            encoder: Any = anatomy.encoder
            encoder.library = library
            self.tuning = Tuning(self, anatomy, tuning, tuple(tasks), library)
        self.output_adapter = None
        if tuning and tuning.use_lm_head_adapter:
            self.output_adapter = OutputAdapter(self.config.d_model, self.config.vocab_size, tuning)
        with_z = tuning and tuning.track_z and tuning.task == "multitask"  # R35
        self.z_weight = tuning.lambda_z if with_z else 0.0
        self.answer_head = answer_head(self.config.d_model, len(answers)) if classifier else None
        self.writer = Writer(self, stock.generation_config)
        self.trie = None
        if self.answers and not classifier and tokenizer is not None:
            self.trie = answer_trie(self.answers, tokenizer)
        self.spelling = Spelling(tokenizer, self.trie)

    @classmethod
    def build(
        cls,
        spec: VLSpec,
        tokenizer: PreTrainedTokenizerBase,
        feature_width: int,
        answers: Sequence[str] | None = None,
    ) -> VLArchitecture:
        """The model of a spec, on its pretrained backbone or on a new one (`from_scratch`)."""
        family = cls.family or family_of(spec.backbone)
        if family != family_of(spec.backbone):
            raise UserError(f"{spec.backbone} is no {family} backbone.", exit_code=3)
        held = spec.classifier or spec.answer_vocab is not None
        if held and not answers:
            raise UserError("classifier and answer_vocab need a list of answers.", exit_code=3)
        stock, source = load_backbone(spec.backbone, tokenizer, spec.dropout, spec.from_scratch)
        tower = vis_encoder(spec)
        heads = answers if answers and held else ()
        built = cls.on(stock, spec, feature_width, tokenizer, heads, tower)
        sources = (source, tower.source if tower else None)
        built.sources = tuple(each for each in sources if each is not None)
        built.remarks = tower.remarks if tower else ()
        return built

    @classmethod
    def on(
        cls,
        stock: Any,
        spec: VLSpec,
        feature_width: int,
        tokenizer: PreTrainedTokenizerBase | None = None,
        answers: Sequence[str] = (),
        tower: VisEncoder | None = None,
    ) -> VLArchitecture:
        """The model of a spec on a stock model and behind an image tower, where it has one; without
        answers it has no classifier head."""
        return _class_of(stock.config.model_type)(
            stock,
            spec,
            feature_width,
            tokenizer,
            spec,
            answers,
            spec.classifier and bool(answers),
            spec.log_train_accuracy,
            spec,
            spec.tasks or (spec.task or "",),
            tower,
        )

    # What a family says.

    def assemble(self, stock: Any, args: VisualEmbeddingArgs, feature_width: int) -> None:
        """Take the stock model's modules over, under their published names."""
        raise NotImplementedError

    def anatomy(self) -> Anatomy:
        """Where tuning methods attach."""
        raise NotImplementedError

    def see_and_read(
        self,
        input_ids: Tensor,
        visual: VisualTokens | None = None,
        prompt: Tensor | None = None,
        prefix: Pairs | None = None,
    ) -> Encoded:
        """The joint encoder; `prompt` (B, P, D) stands in front of the text, `prefix` in front of
        every layer's keys and values."""
        raise NotImplementedError

    def read_prompt(self, prompt: Tensor, past: Any) -> None:
        """Let the decoder read a prompt (B, P, D) without looking at the encoder: its keys and
        values begin the cache `past`."""
        raise NotImplementedError

    def decode(self, ids: Tensor, encoded: Encoded, **steps: Any) -> Any:
        """The stock decoder's output; `steps` are its own arguments of stepwise decoding."""
        raise NotImplementedError

    def logits(self, hidden: Tensor) -> Tensor:
        """(..., D) -> (..., V)."""
        raise NotImplementedError

    def first_ids(self) -> list[int]:
        """What the decoder reads in front of a classifier's answer."""
        raise NotImplementedError

    def cross_attention(self, states: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Keys and values of every decoder layer's cross-attention, (B, heads, S, width) each."""
        raise NotImplementedError

    # What the trainer knows.

    def collator(self) -> Callable[[Sequence[Example]], VLBatch]:
        if self.tokenizer is None:
            raise ValueError("A model without a tokenizer makes no batches.")
        classes = self.answers if self.answer_head is not None else ()
        return Collator(self.tokenizer, self.use_vision, classes)

    def forward(self, batch: VLBatch) -> Losses:
        batch = self.seen(batch)
        if self.answer_head is not None:
            assert batch.answers is not None
            found = losses.chosen(self.answer_logits(batch), batch.answers, self.log_accuracy)
        elif batch.firsts is not None:
            logits = self.scores(self.first_states(batch))
            found = losses.first(logits, batch.firsts, batch.weights, self.log_accuracy)
        else:
            text = self.written(batch, self.log_accuracy)
            found = losses.averaged(text, batch.weights, batch.averaged, self.log_accuracy)
            if batch.objectives:
                found = found._replace(
                    logged=found.logged | losses.apart(text, batch.objectives, found.count)
                )
        return self.with_z(found) if self.z_weight else found

    def with_z(self, found: Losses) -> Losses:
        """The loss with the mean square of bottleneck activations added (`track_z`)."""
        assert self.tuning is not None
        z = self.tuning.z()
        logged = {**found.logged, "z": z.detach() * found.count}
        return Losses(found.sum + self.z_weight * z * found.count, found.count, logged)

    def count(self, batch: VLBatch) -> Tensor:
        if self.answer_head is not None:
            return torch.tensor(float(len(batch.ids)))
        return losses.count(batch.labels, batch.averaged)

    @torch.no_grad()
    def predict(self, batch: VLBatch) -> list[Prediction]:
        batch = self.seen(batch)
        if self.answer_head is not None:
            best = self.answer_logits(batch).argmax(-1).tolist()
            return [Prediction(id, self.answers[a]) for id, a in zip(batch.ids, best, strict=True)]
        if batch.candidate_ids is not None:
            return self.choose(batch)
        longest = self.new_tokens if batch.max_written is None else max(batch.max_written - 1, 1)
        beams = batch.beams or self.num_beams
        ids = self.writer.write(self.encode(batch), longest, beams, self.trie)
        texts = self.spelling.marked(ids) if batch.marked else self.spelling.texts(ids)
        return [Prediction(id, text) for id, text in zip(batch.ids, texts, strict=True)]

    def choose(self, batch: VLBatch) -> list[Prediction]:
        """The likeliest first token of every example: of its candidates, or of all tokens."""
        assert batch.candidate_ids is not None
        logits_BV = self.scores(self.first_states(batch)).float()
        if not batch.candidate_ids.shape[1]:
            best = [self.spelling.token(token) for token in logits_BV.argmax(-1).tolist()]
            shares: list[tuple[float, ...]] = [()] * len(best)
        else:
            there_BC = batch.candidate_ids >= 0
            logits_BC = logits_BV.gather(1, batch.candidate_ids.clamp_min(0))
            shares_BC = logits_BC.masked_fill(~there_BC, -torch.inf).softmax(-1)
            rows = zip(shares_BC.tolist(), batch.candidates, strict=True)
            shares = [tuple(row[: len(each)]) for row, each in rows]
            chosen = shares_BC.argmax(-1).tolist()
            best = [each[at] for each, at in zip(batch.candidates, chosen, strict=True)]
        boxes = [box_named(text, batch.visual, row) for row, text in enumerate(best)]
        return [Prediction(*each) for each in zip(batch.ids, best, shares, boxes, strict=True)]

    def param_groups(self, weight_decay: float) -> list[dict[str, Any]]:
        """The image tower has its own where the spec gives it rates of its own."""
        tower = self.vis_encoder
        if tower is None or tower.rates is None:
            return super().param_groups(weight_decay)
        named = self.named_parameters()
        rest = ((name, p) for name, p in named if not name.startswith(self.tower_prefix))
        return [*decay_groups(rest, weight_decay), *tower.param_groups()]

    def image_tower(self) -> VisEncoder | None:
        return self.vis_encoder

    def parts(self) -> dict[str, Part]:
        found = {name: Part(_place(name)) for name, _ in self.named_parameters()}
        return found | tuned_parts(self)

    # The steps of both.

    def seen(self, batch: VLBatch) -> VLBatch:
        """The batch with visual features, where it comes with pictures."""
        if self.vis_encoder is None or batch.visual is None or batch.visual.pixels is None:
            return batch
        visual: VisualTokens = self.vis_encoder(batch.visual)
        return replace(batch, visual=visual)

    def encode(self, batch: VLBatch) -> Encoded:
        if self.tuning is None:
            return self.see_and_read(batch.input_ids, batch.visual)
        rows = len(batch.input_ids)
        self.tuning.begin(batch.task)
        prompt, prefix = self.tuning.prompt("encoder", rows), self.tuning.prefix("encoder", rows)
        with self.active(rows):
            return self.see_and_read(batch.input_ids, batch.visual, prompt, prefix)

    def active(self, rows: int) -> AbstractContextManager[None]:
        """Around every call of the stacks' layers, with so many rows."""
        return nullcontext() if self.tuning is None else self.tuning.active(rows)

    def begin_decoding(self, past: EncoderDecoderCache, rows: int) -> int:
        """Put what tuning methods place in front of the decoder's text into a cache; how many
        positions it takes."""
        if self.tuning is None:
            return 0
        if (prefix := self.tuning.prefix("decoder", rows)) is not None:
            for layer, (keys, values) in enumerate(prefix):
                past.self_attention_cache.update(keys, values, layer)
        if (prompt := self.tuning.prompt("decoder", rows)) is not None:
            self.read_prompt(prompt, past)
        return int(past.get_seq_length())

    def decode_all(self, ids: Tensor, encoded: Encoded) -> Tensor:
        """The decoder's last states (B, T, D) of texts that are known."""
        past, steps = EncoderDecoderCache(DynamicCache(), DynamicCache()), {}
        if self.begin_decoding(past, len(ids)):
            steps = {"past_key_values": past, "use_cache": True}
        with self.active(len(ids)):
            hidden: Tensor = self.decode(ids, encoded, **steps).last_hidden_state
        return hidden

    def scores(self, hidden: Tensor) -> Tensor:
        """(..., D) -> (..., V): the output layer's logits, with what an adapter beside it adds."""
        logits = self.logits(hidden)
        return logits if self.output_adapter is None else logits + self.output_adapter(hidden)

    def written(self, batch: VLBatch, right: bool = False) -> losses.Written:
        """The loss of every target token of the batch."""
        hidden = self.decode_all(self.shifted(batch.labels), self.encode(batch))
        return losses.written(hidden, batch.labels, self.scores, right)

    def first_states(self, batch: VLBatch) -> Tensor:
        """(B, D): the decoder's states where the first token of the text is to be written."""
        first_BT = torch.tensor([self.first_ids()], device=batch.input_ids.device)
        first_BT = first_BT.expand(len(batch.input_ids), -1)
        return self.decode_all(first_BT, self.encode(batch))[:, -1]

    def answer_logits(self, batch: VLBatch) -> Tensor:
        """(B, A): the classifier head on the decoder's last state."""
        assert self.answer_head is not None
        scores: Tensor = self.answer_head(self.first_states(batch))
        return scores

    def shifted(self, labels: Tensor) -> Tensor:
        """What the decoder reads: the start token, then the labels but the last."""
        ids = labels.roll(1, dims=1)
        ids[:, 0] = self.config.decoder_start_token_id
        return ids.masked_fill(ids == losses.IGNORED, self.config.pad_token_id)


def _place(name: str) -> str:
    """The part of a model that a parameter lies in, in words."""
    inside = name.removeprefix("model.")
    for start, part in (
        ("encoder.visual_embedding.", "visual embedding"),
        ("encoder.", "encoder"),
        ("decoder.", "decoder"),
        ("answer_head.", "answer head"),
        ("vis_encoder.", "image tower"),
    ):
        if inside.startswith(start):
            return part
    return "word embeddings"


def answer_head(width: int, answers: int) -> nn.Sequential:
    """The published classifier head: (B, D) -> (B, A)."""
    return nn.Sequential(
        nn.Linear(width, 2 * width),
        nn.GELU(),
        nn.LayerNorm(2 * width),
        nn.Linear(2 * width, answers),
    )


def answer_trie(answers: Sequence[str], tokenizer: PreTrainedTokenizerBase) -> AnswerTrie:
    """The trie of an answer list, each answer as the collator would write it as a target."""
    ids = tokenizer(list(answers))["input_ids"]
    return AnswerTrie(answers, ids, tokenizer.pad_token_id)


def _class_of(family: str | None) -> type[VLArchitecture]:
    from .bart import VLBart  # the families build on this file
    from .t5 import VLT5

    return {"t5": VLT5, "bart": VLBart}[family or "t5"]
