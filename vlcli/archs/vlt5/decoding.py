"""Writing text: transformers' search over our decoder, and answers held to a list.

B batch, W beams of an example, S encoder tokens, D model width, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor
from transformers import EncoderDecoderCache, GenerationConfig, LogitsProcessor, LogitsProcessorList
from transformers.cache_utils import DynamicCache
from transformers.generation import GenerationMixin
from transformers.modeling_outputs import BaseModelOutput, Seq2SeqLMOutput

from .joint import Encoded

if TYPE_CHECKING:
    from .architecture import VLArchitecture


class BeamCache(EncoderDecoderCache):
    """A cache whose cross-attention stays in place when beams change places: all beams of an
    example look at the same encoder states. `ahead` positions of tuning methods come first; search
    does not count them."""

    begun = False
    ahead = 0

    def begin(self, place: Callable[[BeamCache, int], int], rows: int) -> None:
        """Let `place` put its positions in front, for so many rows, before the first step."""
        self.ahead = place(self, rows)
        self.begun = True

    def reorder_cache(self, beam_idx: Any) -> None:
        self.self_attention_cache.reorder_cache(beam_idx)


class Writer(GenerationMixin):
    """Drives a model's decoder by transformers' `generate`, from states that are encoded once."""

    main_input_name = "input_ids"
    base_model_prefix = ""
    _is_stateful = False

    def __init__(self, model: VLArchitecture, defaults: GenerationConfig) -> None:
        self.model = model
        self.config = model.config
        self.generation_config = GenerationConfig(
            pad_token_id=self.config.pad_token_id,
            eos_token_id=self.config.eos_token_id,
            bos_token_id=self.config.bos_token_id,
            decoder_start_token_id=self.config.decoder_start_token_id,
            early_stopping=defaults.early_stopping,
            no_repeat_ngram_size=defaults.no_repeat_ngram_size,
            length_penalty=defaults.length_penalty,
        )

    @property
    def device(self) -> torch.device:
        return next(self.model.parameters()).device

    def get_encoder(self) -> None:
        """Never asked: states come encoded."""

    def write(
        self,
        encoded: Encoded,
        new_tokens: int,
        beams: int = 1,
        trie: AnswerTrie | None = None,
        **search: Any,
    ) -> Tensor:
        """Token ids (B, <= 1 + new_tokens), which begin with the decoder's start token.

        With an answer list, answers are written to their own end, whatever `new_tokens` says.
        Without one, beam search alone closes a text at the last token, as published for BART.
        """
        forced = self.config.forced_eos_token_id if beams > 1 and trie is None else None
        ids: Any = self.generate(
            encoder_outputs=BaseModelOutput(cast(Any, encoded.states)),
            attention_mask=encoded.mask.long(),
            past_key_values=self.cache(encoded, beams),
            logits_processor=LogitsProcessorList([OnlyAnswers(trie)] if trie else []),
            max_new_tokens=trie.depth if trie else new_tokens,
            num_beams=beams,
            do_sample=False,
            forced_eos_token_id=forced,
            **search,
        )
        return cast(Tensor, ids)

    def cache(self, encoded: Encoded, beams: int) -> BeamCache:
        """Cross-attention keys and values, computed once per example and repeated for its beams."""
        cross = DynamicCache()
        with self.model.active(len(encoded.states)):
            pairs = self.model.cross_attention(encoded.states)
        for layer, (keys, values) in enumerate(pairs):
            cross.update(
                keys.repeat_interleave(beams, 0), values.repeat_interleave(beams, 0), layer
            )
        return BeamCache(DynamicCache(), cross)

    def forward(
        self,
        decoder_input_ids: Tensor,
        encoder_outputs: BaseModelOutput,
        attention_mask: Tensor,
        past_key_values: BeamCache,
        cache_position: Tensor,
        use_cache: bool = True,
        return_dict: bool = True,
    ) -> Seq2SeqLMOutput:
        """One step: the logits of the next token, (B x W, 1, V)."""
        if not past_key_values.begun:
            past_key_values.begin(self.model.begin_decoding, len(decoder_input_ids))
        with self.model.active(len(decoder_input_ids)):
            out = self.model.decode(
                decoder_input_ids,
                Encoded(encoder_outputs[0], attention_mask),
                past_key_values=past_key_values,
                cache_position=cache_position + past_key_values.ahead,
                use_cache=True,
            )
        logits: Any = self.model.scores(out.last_hidden_state[:, -1:])
        return Seq2SeqLMOutput(logits=logits, past_key_values=out.past_key_values)

    __call__ = forward

    def _update_finished_beams(self, **search: Any) -> Any:  # type: ignore[override]
        """A step of transformers' beam search. As published (transformers 4.2.1), a text that the
        length limit cuts off counts one token more than it has where mean scores are compared."""
        ids, at = search["topk_running_sequences"], search["cur_len"]
        scores, tokens = search["topk_log_probs"], at + 1 - search["decoder_prompt_len"]
        ended = ids[:, :, at] == self.config.eos_token_id
        cut = search["next_token_hits_stopping_criteria"] & ~ended
        longer = scores * (tokens / (tokens + 1)) ** search["length_penalty"]
        search["topk_log_probs"] = torch.where(cut, longer, scores)
        return super()._update_finished_beams(**search)


class AnswerTrie:
    """A list of answers as a trie of token ids, in sorted edges that tensors can search.

    An edge is coded as node x V + token; `children` are the nodes edges lead to. A text that has
    left the trie stands at the `end`, from where only the pad token follows.
    """

    def __init__(self, answers: Sequence[str], ids: Iterable[Sequence[int]], pad: int) -> None:
        self.answers: dict[tuple[int, ...], str] = {}
        edges: dict[tuple[int, int], int] = {}
        for answer, tokens in zip(answers, ids, strict=True):
            self.answers.setdefault(tuple(tokens), answer)
            node = 0
            for token in tokens:
                node = edges.setdefault((node, token), len(edges) + 1)
        self.depth = max(map(len, self.answers))
        self.end = len(edges) + 1
        edges[self.end, pad] = self.end
        self.base = 1 + max(token for _, token in edges)
        for leaf in set(range(1, self.end)) - {node for node, _ in edges}:
            edges[leaf, pad] = self.end
        order = sorted(edges)
        self.codes = torch.tensor([node * self.base + token for node, token in order])
        self.children = torch.tensor([edges[edge] for edge in order])

    def text(self, ids: Sequence[int]) -> str | None:
        """The answer that generated ids (without the start token) spell, if it is one."""
        for stop in range(len(ids), 0, -1):
            if (answer := self.answers.get(tuple(ids[:stop]))) is not None:
                return answer
        return None

    def nodes(self, ids: Tensor) -> Tensor:
        """Where texts (rows, tokens) stand in the trie, (rows)."""
        self._move(ids.device)
        node = torch.zeros(len(ids), dtype=torch.long, device=ids.device)
        for token in ids.unbind(1):
            code = node * self.base + token
            at = torch.searchsorted(self.codes, code).clamp(max=len(self.codes) - 1)
            on = (self.codes[at] == code) & (token < self.base)
            node = torch.where(on, self.children[at], self.end)
        return node

    def allowed(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """Rows and tokens that may follow texts (rows, tokens), one pair for each possibility."""
        node = self.nodes(ids)
        first = torch.searchsorted(self.codes, node * self.base)
        last = torch.searchsorted(self.codes, (node + 1) * self.base)
        number = last - first
        rows = torch.repeat_interleave(number)
        within = torch.arange(len(rows), device=ids.device)
        within = within - (number.cumsum(0) - number)[rows]
        return rows, self.codes[first[rows] + within] % self.base

    def _move(self, device: torch.device) -> None:
        if self.codes.device != device:
            self.codes, self.children = self.codes.to(device), self.children.to(device)


class OnlyAnswers(LogitsProcessor):
    """Forbids every token that leads out of the answer list."""

    def __init__(self, trie: AnswerTrie) -> None:
        self.trie = trie

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        rows, tokens = self.trie.allowed(input_ids[:, 1:])
        held = torch.full_like(scores, -torch.inf)
        held[rows, tokens] = scores[rows, tokens]
        return held
