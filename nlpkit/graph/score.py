"""How well a graph answered questions whose answers are known: right, wrong, or left open.

The rule is exact. A question is answered rightly if every answer asked for was given, under one of the
wordings it may have, and nothing else was given. Names are compared once normalised; a count is a name
made of digits. A question without an answer is met rightly only by an abstention.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from nlpkit.errors import DataError
from nlpkit.graph.records import GraphAnswer
from nlpkit.names import normalise

Outcome = Literal["right", "wrong", "left open rightly", "left open wrongly"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)


@dataclass(frozen=True, slots=True)
class Question:
    """A question with its answers: each a tuple of wordings that count as it. No answers: none can be given."""

    question: str
    answers: tuple[tuple[str, ...], ...]
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Match:
    """How an answer agrees with the gold names, each figure in [0, 1]: an abstention agrees with nothing.

    `hits1` is for the first answer, `expected_hits1` its expected value if answers of equal score come in any order.
    """

    hits1: float
    expected_hits1: float
    set_f1: float
    exact_set: float
    abstained: float


def match(answer: GraphAnswer, gold: Collection[str]) -> Match:
    """Compare an answer with the names that should be given."""
    names = set(gold)
    found = {one.text for one in answer.answers}
    best = max((one.score or 0.0 for one in answer.answers), default=0.0)
    ties = [one.text in names for one in answer.answers if (one.score or 0.0) == best]
    return Match(
        float(bool(answer.answers) and answer.answers[0].text in names),
        sum(ties) / len(ties) if ties else 0.0,
        2 * len(found & names) / (len(found) + len(names)) if names or found else 1.0,
        float(found == names),
        float(answer.abstained),
    )


def mean_match(matches: Sequence[Match]) -> dict[str, float]:
    """Return the mean of each figure over questions."""
    return {name: sum(getattr(m, name) for m in matches) / len(matches) for name in Match.__slots__}


@dataclass(frozen=True, slots=True)
class Totals:
    """How many questions ended in each way, over all and by kind."""

    n: int
    outcomes: dict[Outcome, int]
    by_kind: dict[str, dict[Outcome, int]]

    def share(self, outcome: Outcome) -> float:
        """Return the share of all questions that ended this way, in [0, 1]; 0 if there were none."""
        return self.outcomes[outcome] / self.n if self.n else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return the totals as plain JSON types."""
        return {"n": self.n, "outcomes": dict(self.outcomes), "by_kind": {k: dict(v) for k, v in self.by_kind.items()}}


def outcome_of(question: Question, answer: GraphAnswer) -> Outcome:
    """Judge one answer by the rule of this file."""
    if answer.abstained or not answer.answers:
        return "left open wrongly" if question.answers else "left open rightly"
    given = {normalise(found.text) for found in answer.answers}
    wanted = [{normalise(wording) for wording in wordings} for wordings in question.answers]
    complete = all(given & wordings for wordings in wanted)
    nothing_else = given <= set().union(*wanted)
    return "right" if complete and nothing_else else "wrong"


def score_questions(questions: Sequence[Question], answers: Sequence[GraphAnswer]) -> Totals:
    """Count the outcomes of questions answered in the same order.

    Raises:
        ValueError: there are not as many answers as questions.

    """
    judged = [(q.kind, outcome_of(q, a)) for q, a in zip(questions, answers, strict=True)]
    kinds = dict.fromkeys(kind for kind, _ in judged)
    by_kind = {kind: _counts(outcome for k, outcome in judged if k == kind) for kind in kinds}
    return Totals(len(judged), _counts(outcome for _, outcome in judged), by_kind)


def read_questions(path: str | Path) -> list[Question]:
    """Read questions from JSON lines: `question`, `answers` (wordings parted by "|"), `kind`.

    Raises:
        DataError: the file cannot be read, or a line does not hold a question; the message names the line.

    """
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as e:
        raise DataError(f"cannot read the questions in {path}: {e}") from e
    return [_question(line, f"{path}:{number}") for number, line in enumerate(lines, 1) if line.strip()]


def _question(line: str, where: str) -> Question:
    try:
        record = json.loads(line)
    except json.JSONDecodeError as e:
        raise DataError(f"{where}: not JSON ({e.msg}); each line is one object") from e
    if not isinstance(record, dict) or not isinstance(record.get("question"), str):
        raise DataError(f'{where}: no "question"; a line is {{"question": str, "answers": [str, ...], "kind": str}}')
    answers = record.get("answers", [])
    if not isinstance(answers, list) or not all(isinstance(answer, str) and answer.strip() for answer in answers):
        raise DataError(f'{where}: "answers" = {answers!r}; allowed: a list of strings, empty if there is no answer')
    wordings = tuple(tuple(wording.strip() for wording in answer.split("|")) for answer in answers)
    return Question(record["question"], wordings, str(record.get("kind", "")))


def _counts(outcomes: Iterable[Outcome]) -> dict[Outcome, int]:
    counter = Counter(outcomes)
    return {outcome: counter[outcome] for outcome in OUTCOMES}
