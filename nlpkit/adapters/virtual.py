"""Virtual pieces: learnt vectors that a model reads beside a text's own pieces, at the input or in every layer.

peft makes, saves and loads the vectors; here they are put before the pieces, so that what comes out has the text's
positions alone, and so that several threads can do it.
"""

from __future__ import annotations

from typing import Any

import peft
import torch
from torch import Tensor, nn

from nlpkit import passes
from nlpkit.errors import AdapterError


class Prompted(nn.Module):
    """A model that reads learnt vectors before a text's pieces (Lester et al. 2021; Liu et al. 2021)."""

    def __init__(self, wrapped: peft.PeftModel, key: str, most: int | None) -> None:
        super().__init__()
        self.base: Any = wrapped.get_base_model()
        self.encoder: Any = wrapped.prompt_encoder[key]
        self.most = most
        self.numbers: Tensor = wrapped.prompt_tokens[key]

    def vectors(self) -> Tensor:
        """Return the learnt vectors, which an MLP may make of others while training. *Shape:* (n_virtual, width)."""
        if not hasattr(self.encoder, "mlp_head"):
            weight: Tensor = self.encoder.embedding.weight
            return weight
        made: Tensor = self.encoder(self.numbers[None].to(next(self.encoder.parameters()).device))[0]
        return made

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None, **more: Any) -> Any:
        """Run the model over virtual and real pieces, and return what is the real ones'.

        Pieces that go on from others (`past_key_values`) find the virtual ones among those.

        Raises:
            AdapterError: there are more pieces than the model has positions for.

        """
        vectors = self.vectors()
        n_windows, n_virtual = len(input_ids), len(vectors)
        more.pop("inputs_embeds", None)
        if attention_mask is not None:
            attention_mask = nn.functional.pad(attention_mask, (n_virtual, 0), value=1)
        if more.get("position_ids") is not None:
            more["position_ids"] = more["position_ids"] + n_virtual
        past = more.get("past_key_values")
        if past is not None and past.get_seq_length():
            return self.base(input_ids=input_ids, attention_mask=attention_mask, **more)
        if more.get("position_ids") is not None:
            virtual = torch.arange(n_virtual, device=input_ids.device).expand(n_windows, -1)
            more["position_ids"] = torch.cat([virtual, more["position_ids"]], 1)
        if self.most is not None and n_virtual + input_ids.shape[1] > self.most:
            raise AdapterError(
                f"a window of {input_ids.shape[1]} pieces and {n_virtual} virtual ones before it are more than the "
                f"{self.most} that this backbone reads; set training.window to {self.most - n_virtual} or less"
            )
        embedded = self.base.get_input_embeddings()(input_ids)
        before = vectors.to(embedded.dtype).expand(n_windows, -1, -1)
        if "token_type_ids" in more:
            more["token_type_ids"] = nn.functional.pad(more["token_type_ids"], (n_virtual, 0))
        wishes = passes.current()
        if wishes is not None:
            wishes.given = None  # could only be the bare embeddings, which are made again here
        output = self.base(
            inputs_embeds=torch.cat([before, embedded], 1),
            attention_mask=attention_mask,
            **more,
        )
        output.last_hidden_state = output.last_hidden_state[:, n_virtual:]
        if wishes is not None:
            wishes.attention[:] = [_without(a, n_virtual) for a in wishes.attention]
        if output.get("attentions") is not None:
            output.attentions = tuple(_without(a, n_virtual) for a in output.attentions)
        return output


class Prefixed(nn.Module):
    """A model whose chosen layers attend to learnt keys and values beside the text's own (Li & Liang 2021).

    Where `shifted`, positions count from behind the prefix on, as plain peft has them; else they are the bare model's.
    """

    def __init__(self, wrapped: peft.PeftModel, key: str, layers: list[int], *, shifted: bool) -> None:
        super().__init__()
        self.base: Any = wrapped.get_base_model()
        self.encoder: Any = wrapped.prompt_encoder[key]
        config: Any = wrapped.peft_config[key]
        self.n_heads = int(config.num_attention_heads)
        self.layers, self.shifted = layers, shifted

    def forward(self, input_ids: Tensor, **more: Any) -> Any:
        """Run the model with the prefix in its attention."""
        weight: Tensor = self.encoder.embedding.weight
        n_virtual = len(weight)
        parts = weight.view(n_virtual, 2 * len(self.layers), self.n_heads, -1).permute(1, 2, 0, 3)
        if self.shifted:
            places = more.get("position_ids")
            if places is None:
                places = torch.arange(input_ids.shape[1], device=input_ids.device)[None]
            more["position_ids"] = places + n_virtual
        wishes = passes.current() or passes.Pass()
        wishes.prefix = {n: (parts[2 * i], parts[2 * i + 1]) for i, n in enumerate(self.layers)}
        with passes.running(wishes):
            return self.base(input_ids=input_ids, **more)


def _without(attention: Tensor, n_virtual: int) -> Tensor:
    """Return the attention among real pieces alone, each row summing to 1 again."""
    return passes.among_real(attention[..., n_virtual:, :], n_virtual)
