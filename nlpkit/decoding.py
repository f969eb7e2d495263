"""How a decoder goes on with a text: the settings of a search or a draw, checked before anything runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Any

from nlpkit.errors import InputError, RecipeError
from nlpkit.tables import Rule, read, without_nones

_POSITIVE = Rule("above 0", lambda v: v > 0)
_NOT_NEGATIVE = Rule("0 or above", lambda v: v >= 0)
_SHARE = Rule("above 0, up to 1", lambda v: 0 < v <= 1)
_FRACTION = Rule("from 0 up to, not including, 1", lambda v: 0 <= v < 1)
_STOPS = Rule("strings that are not empty", all)


@dataclass(frozen=True, slots=True)
class Decoding:
    """Settings of a generation, by the names that transformers has for them.

    As it is, the likeliest piece is taken each time (greedy). `num_beams` above 1 is beam search; `num_beam_groups`
    parts them into groups that avoid each other's pieces (diverse beam search, Vijayakumar et al. 2016). `do_sample`
    draws pieces from the probabilities that `temperature`, `top_k` (0: all), `top_p` (Holtzman et al. 2019) and `min_p`
    (Nguyen et al. 2024) leave.

    Attributes:
        max_new_tokens: pieces to write at most.
        min_new_tokens: pieces to write before the text may end.
        stop: the text ends before the first of these strings.
        num_return_sequences: candidates for each prompt.
        num_beams: hypotheses kept at each step.
        num_beam_groups: groups of equal size that the beams fall into.
        diversity_penalty: what a group's log-probability loses for a piece that groups before it took at this step.
        length_penalty: power of the length that a beam's log-probability is divided by.
        do_sample: draw instead of taking the likeliest.
        temperature: what logits are divided by before a draw.
        top_k: how many pieces a draw chooses among.
        top_p: least share of the probability that they hold together.
        min_p: least probability that each has, as a share of the likeliest one's.
        repetition_penalty: what logits of pieces that occurred are divided by (Keskar et al. 2019).
        no_repeat_ngram_size: no run of so many pieces occurs twice.
        seed: what draws are made with; the same seed gives the same text, whatever else is in the batch.

    """

    max_new_tokens: Annotated[int, _POSITIVE] = 256
    min_new_tokens: Annotated[int, _NOT_NEGATIVE] = 0
    stop: Annotated[tuple[str, ...], _STOPS] = ()
    num_return_sequences: Annotated[int, _POSITIVE] = 1
    num_beams: Annotated[int, _POSITIVE] = 1
    num_beam_groups: Annotated[int, _POSITIVE] = 1
    diversity_penalty: Annotated[float, _NOT_NEGATIVE] = 0.5
    length_penalty: float = 1.0
    do_sample: bool = False
    temperature: Annotated[float, _POSITIVE] = 1.0
    top_k: Annotated[int, _NOT_NEGATIVE] = 0
    top_p: Annotated[float, _SHARE] = 1.0
    min_p: Annotated[float, _FRACTION] = 0.0
    repetition_penalty: Annotated[float, _POSITIVE] = 1.0
    no_repeat_ngram_size: Annotated[int, _NOT_NEGATIVE] = 0
    seed: Annotated[int, _NOT_NEGATIVE] = 0

    def changed(self, changes: Mapping[str, Any]) -> Decoding:
        """Return these settings with some changed.

        Raises:
            InputError: an unknown setting, a wrong value, or settings that do not go together.

        """
        try:
            settings = read(Decoding, asdict(self) | dict(changes), "decoding", "")
        except RecipeError as e:
            raise InputError(str(e)) from e
        settings.check()
        return settings

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as plain JSON types; `changed` reads them back."""
        return without_nones(asdict(self))

    def check(self) -> None:
        """Check what no single setting can tell.

        Raises:
            InputError: settings that do not go together.

        """
        n, beams, groups = self.num_return_sequences, self.num_beams, self.num_beam_groups
        if self.do_sample and beams > 1:
            raise InputError(f"decoding: do_sample with num_beams = {beams}; allowed: one of the two")
        if not self.do_sample and n > beams:
            raise InputError(
                f"decoding: num_return_sequences = {n} with num_beams = {beams} would repeat one text; allowed: at "
                "most as many as there are beams, or do_sample = true"
            )
        if beams % groups:
            raise InputError(f"decoding: num_beam_groups = {groups}; allowed: a divisor of num_beams ({beams})")
        if self.min_new_tokens > self.max_new_tokens:
            raise InputError(
                f"decoding: min_new_tokens = {self.min_new_tokens}; allowed: at most max_new_tokens "
                f"({self.max_new_tokens})"
            )
