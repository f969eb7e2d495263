"""Answer a question on a graph: topics, ranked plans, walk, answers with their path and evidence, or an abstention."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice, product
from typing import Final

from nlpkit.errors import QuestionError
from nlpkit.graph import chinese as in_chinese
from nlpkit.graph.execute import Reached, execute
from nlpkit.graph.learned import SURE, choose
from nlpkit.graph.ordering import compares, order_of, placed
from nlpkit.graph.plan import MAX_BRANCHES, Branch, Plan
from nlpkit.graph.question import Question, read
from nlpkit.graph.rank import Ranked, Ranker, least_told
from nlpkit.graph.records import Evidence, Extractor, Fact, FactSource, FoundAnswer, GraphAnswer, Node, learned_of
from nlpkit.graph.rephrase import ORDINAL
from nlpkit.graph.topics import Found, Topic, find_topics
from nlpkit.graph.verdicts import Verdict, verdict
from nlpkit.graph.view import View
from nlpkit.graph.vocabulary import vocabulary
from nlpkit.graph.wordings import wordings
from nlpkit.names import untitled
from nlpkit.text import chinese
from nlpkit.times import Period

THRESHOLD: Final = 0.5
"""Abstain below this confidence in the plan."""
DOUBTFUL: Final = 0.28
"""An answer that hangs on a fact with a lower score is not given."""
LIKELY: Final = 0.5
"""A count is given only where every fact in it is likelier true than not."""
CLEAR: Final = 0.25
"""How much less certain than all that is counted the next one has to be."""
LEAST: Final = 0.25
"""An answer with a lower score is not given, however sure the plan is: several doubtful facts make none."""
BEHIND: Final = 0.6
"""Answers are given down to this share of the best one's score."""
N_NAMESAKES: Final = 3
N_PATHS: Final = 5
"""So many answers' paths are shown, and the evidence of their facts."""
N_EVIDENCE: Final = 2
N_PLANS: Final = 10


@dataclass(frozen=True, slots=True)
class RankedPlan:
    """A plan, how it ranks among the others (`total`), and how sure one may be that it was meant (0..1)."""

    plan: Plan
    total: float
    score: float

    def __str__(self) -> str:
        return f"{self.score:.2f}  {self.plan}"


def plans(source: FactSource, kit: Extractor, question: str, topics: Sequence[str] | None = None) -> list[RankedPlan]:
    """Return the plans for a question, best first, none where it names nothing the graph knows.

    Args:
        source: The graph.
        kit: Embeds; its `ner` reads the question where the alias index does not settle the topics.
        question: In words; topic names may stand in [brackets].
        topics: Names of the topic entities, where known.

    Raises:
        QuestionError: the question is empty or too long.

    """
    source = View(source)
    return _plans(source, kit, find_topics(question, source, kit, topics))


def ask(
    source: FactSource,
    kit: Extractor,
    question: str,
    topics: Sequence[str] | None = None,
    *,
    threshold: float = THRESHOLD,
    at: Period | None = None,
) -> GraphAnswer:
    """Answer a question, or abstain and say why.

    The best plan that reaches something answers. An answer's score is the confidence in the plan
    (`rank.Ranked.confidence`: monotone, not calibrated) times the scores of the facts on its best path.
    `path` and `evidence` belong to the first few answers.

    Args:
        source: The graph.
        kit: Embeds; its `ner` reads the question where the alias index does not settle the topics.
        question: In words; topic names may stand in [brackets].
        topics: Names of the topic entities, where known.
        threshold: Least confidence in the plan, 0..1; 0 never abstains for want of confidence.
        at: Answer from what held within this period.

    Raises:
        QuestionError: the question is empty or too long.

    """
    start = time.perf_counter()
    source = View(source, at)
    found = find_topics(question, source, kit, topics)
    if said := _said(found, source, kit, threshold):
        return _given(question, said, source, time.perf_counter() - start)
    if compared := _compared(question, found, source, kit, start):
        return compared
    ranked = _plans(source, kit, found)
    best, ends, doubt, wide = None, list[Reached](), "", ""
    for candidate in ranked:
        try:
            reached = execute(candidate.plan, source)
        except QuestionError as e:
            wide = wide or str(e)
            continue
        ends = _supported(reached, candidate.plan.count)
        if ends or (candidate.plan.count and reached):
            # What cannot be counted is not counted another way.
            best = candidate
            break
    if best is not None and learned_of(kit):
        best = _borne_out(best, ends, ranked, source)
    if best is not None and len(ends) > 1 and not best.plan.count:
        ends, doubt = _in_order(ends, found, source, kit)
    if best is not None and threshold > 0.0:
        doubt = doubt or _undecided(found.text, best, ends, source)
    if best is None or best.score < threshold or doubt:
        note = wide if best is None and wide else _why_not(found, best, ends, source, threshold, doubt)
        plan, score = (str(best.plan), best.score) if best else ("", None)
        return GraphAnswer(question, (), True, plan, (), (), score, time.perf_counter() - start, note)
    answers = _answers(best, ends, source)
    path, evidence = _support(ends, source)
    note = _remark(found, ends, best)
    seconds = time.perf_counter() - start
    return GraphAnswer(question, answers, False, str(best.plan), path, evidence, answers[0].score, seconds, note)


def _in_order(ends: list[Reached], found: Found, source: FactSource, kit: Extractor) -> tuple[list[Reached], str]:
    """Return the ends that come first in the order that is asked for, or all of them and why there is no order."""
    order = None if chinese(found.text) else order_of(_read(found))
    if order is None:
        return ends, ""
    first = placed(order, [source.node(end.node) for end in ends], _read(found), source, wordings(kit))
    if isinstance(first, str):
        return ends, first
    return [replace(end, path=(*end.path, first.facts[end.node])) for end in ends if end.node in first.nodes], ""


def _compared(question: str, found: Found, source: FactSource, kit: Extractor, start: float) -> GraphAnswer | None:
    """Return which of the named comes first, or why that cannot be said; None where nothing is compared."""
    if chinese(found.text) or len(found.topics) < 2:
        return None
    asked = _read(found)
    order = order_of(asked)
    if order is None or not asked.wh or not compares(asked) or asked.negation:
        return None
    nodes = [topic.nodes[0] for topic in found.topics]
    first = placed(order, nodes, asked, source, wordings(kit), named=True)
    if isinstance(first, str):
        return GraphAnswer(question, (), True, "", (), (), None, time.perf_counter() - start, first)
    facts = list(first.facts.values())
    score = min(1.0 if fact.score is None else fact.score for fact in facts)
    ends = [Reached(node.id, score, 1, tuple(facts)) for node in nodes if node.id in first.nodes]
    path, evidence = _support(ends, source)
    answers = tuple(FoundAnswer(source.node(end.node).name, end.node, score) for end in ends)
    plan = f"{'last' if order.largest else 'first'} by {first.relation} of {', '.join(node.name for node in nodes)}"
    return GraphAnswer(question, answers, False, plan, path, evidence, score, time.perf_counter() - start, f"by {plan}")


def _given(question: str, said: Verdict, source: FactSource, seconds: float) -> GraphAnswer:
    """Return yes or no as an answer."""
    path, evidence = _support(said.ends, source)
    score = said.score * said.ends[0].score
    answers = (FoundAnswer("yes" if said.yes else "no", None, score),)
    return GraphAnswer(question, answers, False, str(said.plan), path, evidence, score, seconds, f"by {said.plan}")


def _said(found: Found, source: FactSource, kit: Extractor, threshold: float) -> Verdict | None:
    """Return yes or no, None where something else is asked, or where the graph does not say."""
    if len(found.topics) != 2 or chinese(found.text):
        return None
    question = _read(found)
    if question.asks or question.negation:
        return None
    return verdict(
        question, found.topics, source, lambda n: _rank(question, n, found.topics[n], source, kit), threshold
    )


def _read(found: Found) -> Question:
    return read(found.text, tuple((topic.first, topic.last) for topic in found.topics))


def _borne_out(
    best: RankedPlan, ends: Sequence[Reached], ranked: Sequence[RankedPlan], source: FactSource
) -> RankedPlan:
    """Return a plan with the probability of all that give its answers: who wrote a film often directed it too."""
    if best.score >= SURE:
        return best
    given, share = {end.node for end in ends}, 0.0
    for other in ranked:
        same = other.plan == best.plan or {end.node for end in _supported(execute(other.plan, source), False)} == given
        share += other.score if same else 0.0
    return replace(best, score=min(1.0, share))


def _supported(ends: Sequence[Reached], count: bool) -> list[Reached]:
    """Return the ends that the facts bear out: none hangs on a fact too doubtful, none is far behind the best.

    What is counted stands clear of the rest: no end is nearly as likely as the least likely one counted.
    """
    borne = [end for end in ends if _certainty(end) >= DOUBTFUL]
    if count:
        likely = [end for end in borne if _certainty(end) >= LIKELY]
        rest = max((_certainty(end) for end in borne if end not in likely), default=0.0)
        return likely if likely and rest <= min(_certainty(end) for end in likely) - CLEAR else []
    return [end for end in borne if end.score >= BEHIND * borne[0].score]


def _undecided(question: str, best: RankedPlan, ends: Sequence[Reached], source: FactSource) -> str:
    """Return why the ends of a plan are no answer, "" where they are."""
    scored = any(fact.score is not None for end in ends for fact in end.path)
    if best.plan.count:
        if not ends:
            return "the facts are too doubtful to count"
        # Read from texts, a list of one is most often a list cut short.
        return "a single one is no count" if scored and len(_counted(ends, source)) == 1 else ""
    if not ends:
        return ""
    names = " and ".join(source.node(end.node).name for end in ends[:3])
    if len(ends) > 1 and all(_one_only(branch) for branch in best.plan.branches):
        return f"the graph holds {names}, and only one can hold"
    if len(ends) > 1 and ORDINAL.search(question):
        return f"the graph holds {names}, and not their order"
    if ends[0].score * best.score < LEAST:
        return f"the answer {names} has a score of only {ends[0].score * best.score:.2f}"
    return ""


def _one_only(branch: Branch) -> bool:
    """Tell whether a branch can have one end: each of its steps, walked forward, has one object."""
    known = vocabulary()
    wordings_ = (known.get(step.relation) for step in branch.steps)
    return all(w is not None and w.rules.exact and not s.inverse for w, s in zip(wordings_, branch.steps, strict=True))


def _counted(ends: Sequence[Reached], source: FactSource) -> list[Reached]:
    """Return the ends without those that only call another by its first name: "Irène" beside "Irène Joliot-Curie"."""
    names = [untitled(source.node(end.node).name) for end in ends]
    return [
        end
        for end, name in zip(ends, names, strict=True)
        if source.node(end.node).type != "PER"
        or len(name) > 1
        or not any(len(other) > 1 and other[0] in name for other in names)
    ]


def _certainty(end: Reached) -> float:
    """Return the score of the weakest fact on the way."""
    return min(1.0 if fact.score is None else fact.score for fact in end.path)


def _plans(source: FactSource, kit: Extractor, found: Found) -> list[RankedPlan]:
    topics = found.topics
    if chinese(found.text):
        places = [(topic.first, topic.last, topic.nodes) for topic in topics]
        readings = in_chinese.plans(found.text, places, source)
        return [RankedPlan(plan, score, score) for plan, score in readings[:N_PLANS]]
    question = _read(found)
    if not topics or len(topics) > MAX_BRANCHES or question.negation:
        return []
    if len(topics) == 1 and (learned := learned_of(kit)):
        nodes = topics[0].nodes[:N_NAMESAKES]
        chosen = choose(question, 0, nodes, source, wordings(kit), learned)
        return [RankedPlan(Plan((Branch(c.node, c.steps),), question.count), c.share, c.share) for c in chosen]
    if not question.asks:
        return []
    rankings = [_rank(question, i, topic, source, kit) for i, topic in enumerate(topics)]
    if len(topics) == 1:
        return [_single(question, candidate) for candidate in rankings[0][:N_PLANS]]
    alone = [_single(question, c, _besides(topics, i)) for i, ranking in enumerate(rankings) for c in ranking[:N_PLANS]]
    return _intersections(question, rankings)[:N_PLANS] + sorted(alone, key=lambda r: -r.score)[:N_PLANS]


def _besides(topics: Sequence[Topic], place: int) -> float:
    """Return the weight of the other topics as words left unexplained: a date says less than a name."""
    return sum(1.0 if topic.nodes[0].type in ("TIME", "NUM") else 2.0 for i, topic in enumerate(topics) if i != place)


_Candidate = tuple[Node, Ranked, float]


def _rank(question: Question, place: int, topic: Topic, source: FactSource, kit: Extractor) -> list[_Candidate]:
    """Return (start, chain, margin), best first; a namesake less often mentioned loses a tie."""
    ranked: list[tuple[Node, Ranked]] = []
    for node in topic.nodes[:N_NAMESAKES]:
        ranked += [(node, r) for r in Ranker(question, place, [node], source, wordings(kit)).rank()]
    ranked.sort(key=lambda item: -item[1].total)
    candidates = []
    for n, (node, r) in enumerate(ranked):
        other = next((o.total for _, o in ranked[n + 1 :] if o.steps[-1] != r.steps[-1]), r.total - 1.0)
        candidates.append((node, r, r.total - other if n == 0 else 0.0))
    return candidates


def _single(question: Question, candidate: _Candidate, besides: float = 0.0) -> RankedPlan:
    node, ranked, margin = candidate
    weight = sum(word.weight for word in question.words)
    if besides:
        ranked = replace(ranked, coverage=ranked.coverage * weight / (weight + besides))
    plan = Plan((Branch(node, ranked.steps),), question.count, ranked.types)
    return RankedPlan(plan, ranked.total, ranked.confidence(margin))


def _intersections(question: Question, rankings: Sequence[Sequence[_Candidate]]) -> list[RankedPlan]:
    """Combine the best chains of every topic; the confidence is that of the least sure one.

    The words beside one topic belong to its branch, so the branches have to explain the question together.
    """
    made = []
    weights = [word.weight for word in question.words]
    for combination in product(*(ranking[:4] for ranking in rankings)):
        chains = [ranked for _, ranked, _ in combination]
        explained = [max(values) for values in zip(*(r.explained for r in chains), strict=True)]
        covered = sum(e * w for e, w in zip(explained, weights, strict=True))
        coverage = covered / sum(weights) if weights else 0.0
        total = coverage * len(weights) + sum(r.total for r in chains) / len(chains)
        told = least_told(question, explained)
        score = min(replace(r, coverage=coverage, told=told).confidence(0.0) for r in chains)
        branches = tuple(Branch(node, ranked.steps) for node, ranked, _ in combination)
        types = frozenset().union(*(r.types for r in chains)) if all(r.types for r in chains) else frozenset()
        made.append(RankedPlan(Plan(branches, question.count, types), total, score))
    return sorted(made, key=lambda r: -r.total)


def _answers(best: RankedPlan, ends: Sequence[Reached], source: FactSource) -> tuple[FoundAnswer, ...]:
    if best.plan.count:
        return (FoundAnswer(str(len(_counted(ends, source))), None, best.score),)
    return tuple(FoundAnswer(source.node(end.node).name, end.node, best.score * end.score) for end in ends)


def _support(
    ends: Sequence[Reached], source: FactSource
) -> tuple[tuple[tuple[str, str, str], ...], tuple[Evidence, ...]]:
    facts = list(dict.fromkeys(fact for end in ends[:N_PATHS] for fact in end.path))
    path = tuple((source.node(f.subject).name, f.relation, source.node(f.object).name) for f in facts)
    return path, tuple(dict.fromkeys(_evidence(facts, source)))


def _evidence(facts: Sequence[Fact], source: FactSource) -> Iterator[Evidence]:
    for fact in facts:
        yield from islice(source.evidence(fact), N_EVIDENCE)


def _why_not(
    found: Found, best: RankedPlan | None, ends: Sequence[Reached], source: FactSource, threshold: float, doubt: str
) -> str:
    missing = f"the graph has no {', '.join(map(repr, found.missing[:3]))}; " if found.missing else ""
    if not found.topics:
        unknown = "found no name that the graph knows; mark it in [brackets] or look at graph show"
        return missing + "nothing else is named" if missing else unknown
    names = ", ".join(topic.nodes[0].name for topic in found.topics[:5])
    if len(found.topics) > MAX_BRANCHES:
        return f"{missing}found {len(found.topics)} names ({names}, ...); ask about one to {MAX_BRANCHES}"
    if best is None and not chinese(found.text) and (word := _read(found).negation):
        return f"{word!r} asks for what does not hold, and a graph says only what does; ask for that"
    if best is None:
        return f"{missing}found {names}, but no facts there that fit the question"
    if doubt and best.score >= threshold:
        return f"{missing}found {names}; by {best.plan} {doubt}"
    reached = ", ".join(source.node(end.node).name for end in ends[:3])
    doubt = f"its score {best.score:.2f} is below {threshold:g}"
    return f"{missing}found {names}; the nearest plan {best.plan} reaches {reached}, but {doubt}"


def _remark(found: Found, ends: Sequence[Reached], best: RankedPlan) -> str:
    names = ", ".join(branch.topic.name for branch in best.plan.branches)
    near = " (near spelling)" if any(topic.near for topic in found.topics) else ""
    namesakes = max(len(topic.nodes) for topic in found.topics)
    others = f"; {namesakes} nodes bear this name" if namesakes > 1 else ""
    return f"from {names}{near}: {len(ends)} found{others}"
