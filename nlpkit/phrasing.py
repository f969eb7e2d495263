"""Replies of a task assistant in a decoder's words, which say every value that they should."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from nlpkit.dialogue import State
from nlpkit.generate import Generator
from nlpkit.replies import Act, named_values, reply_prompt, templated, unsaid

_ENDS: Final[dict[str, Any]] = {"max_new_tokens": 96, "stop": ["\n"]}
"""Where a reply ends."""
_DRAWS: Final = 8
"""So many replies are drawn where the likeliest leaves a value out."""
_TEMPERATURE: Final = 0.7


class Phrasing:
    """Replies in a decoder's words, with an adapter trained to write them (`tasks/reply/sgd.toml`); English.

    A reply that does not say every value that its acts name is not given: others are drawn (over-generate and rerank,
    Wen et al. 2015), and where none of them says all, the template stands in its place.

    Args:
        adapter: the adapter's folder, or the name of a shipped one.
        generator: a decoder to load it onto; by default the one that the adapter names.
        persona: who speaks, in words; the adapter of `tasks/reply/sgd.toml` has seen none in training.

    Raises:
        AdapterError: it is not there, is damaged, belongs to another backbone, or was not trained to write.

    """

    def __init__(self, adapter: str | Path, generator: Generator | None = None, *, persona: str = "") -> None:
        self.generator = generator or Generator.for_adapter(adapter)
        self.adapter = self.generator.load(adapter)
        self.persona = persona

    def __call__(self, said: str, state: State, acts: Sequence[Act]) -> str:
        """Return the reply to what a user said, where the task stands so, that does what the acts say."""
        prompt = reply_prompt(said, state.intent, state.slots, acts, persona=self.persona)
        (reply,) = self.written([prompt])
        return self.mended(reply, prompt, acts)

    def written(self, prompts: Sequence[str]) -> list[str]:
        """Return what the decoder writes first to each prompt (see `replies.reply_prompt`), whatever it says."""
        found = self.generator(prompts, adapter=self.adapter, **_ENDS)
        return [generation.text.strip() for generation in found]

    def mended(self, reply: str, prompt: str, acts: Sequence[Act]) -> str:
        """Return a reply that says all the values that its acts name: this one, one that is drawn, or the template."""
        values = named_values(acts)
        if reply and not unsaid(reply, values):
            return reply
        if not values:
            return templated(acts)
        drawn = self.generator.candidates(
            prompt,
            adapter=self.adapter,
            do_sample=True,
            temperature=_TEMPERATURE,
            num_return_sequences=_DRAWS,
            **_ENDS,
        )
        texts = [generation.text.strip() for generation in drawn]
        return next((text for text in texts if text and not unsaid(text, values)), None) or templated(acts)
