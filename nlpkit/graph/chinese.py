"""Questions in Chinese: names are looked up in the text, relations by their names and by how people ask for them.

Chinese writes no spaces, so a question is not split into words. What stands around the names is matched with what the
relations around these nodes are called and with the ways of asking in `chinese.toml`; what no match explains and is no
small word speaks against a reading. Closed rules, no model.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Final

from nlpkit.graph.plan import MAX_HOPS, Branch, Plan, Step
from nlpkit.graph.records import FactSource, Node

TABLE: Final = Path(__file__).with_name("chinese.toml")
LONGEST: Final = 40
"""Characters of the longest name looked for in a question."""
N_NAMESAKES: Final = 3
SAMPLE: Final = 40
"""So many of the nodes reached are looked at for the next hop."""
NAMED, ASKED, PART, KIND = 1.0, 0.95, 0.7, 0.6
"""What a match is worth: the relation's name, a way of asking for it, a part of its name, a word for its end."""
BACK: Final = 0.8
"""What walking a relation back is worth against walking it on: "X主演过哪些电影" has to name the relation."""
LEAST_PART: Final = 2
UNTOLD: Final = 0.4
"""What a reading is worth that leaves out a relation which the question names: "X的父亲是哪国人" does not ask for X."""
UNEXPLAINED: Final = 1.0
"""What a character that nothing explains weighs against one that a match explains."""

TOLD: Final = 0.03
"""What a character explained is worth in ranking: of two readings the one that explains more of the question."""

_SMALL: Final = re.compile(
    r"请问|你?(?:知不知道|知道|清楚|了解|记得|晓得|听说)|告诉我|我?想(?:问一下|知道|问|要)|帮我|查一下|查查|一下|"
    r"能不能|可不可以|"
    r"可以|能|什么时候|什么|啥|时候|怎么样?|如何|多少|多久|哪里|哪儿|哪些|哪位|哪个|哪|谁|几|吗|呢|嘛|吧|啊|呀|哦|嗯|喽|么|"
    r"这(?:部|张|首|个|位|家|座|本|里|儿|次)|那(?:部|张|首|个|位|家|座|本|里|儿|么)?|电影|影片|片子|歌曲|专辑|景点|人|地方|"
    r"的|了|是|在|有|都|还|也|就|又|和|与|及|对|于|为|叫|做|由|被|给|到|来|过|会|要|需要?|应该|大概|一般|具体|现在|其他|其它|别的|"
    r"关于|对于|它|他|她|你|我|们|您|这|个|部|首|位|张|家|座|年|天|月|日|不|没|很|最|吧|所|名字|一|些|到底|究竟|之"
)
ASKS: Final = re.compile(r"[？?吗呢谁哪几啥]|什么|多[少大长久高远]|怎")
"""What marks a clause as a question."""
_COUNT: Final = re.compile(r"(?:几|多少)(?:个(?!小时|月|钟)|部|首|位|名|座|本|种|条|家|张)")
_BACK: Final = re.compile(
    r"(?:哪些|哪几|什么|啥|哪)(?:部|个|首|张|本|家|位)?"
    r"(?:电影|影片|片子?|作品|歌曲?|专辑|书|小说|公司|地方|景点|城市|国家|人|演员|歌手|导演)"
    r"|过(?:什么|哪些|啥|哪)"
)
"""What asks for the things that have a relation to the one named: "哪些电影的导演是X"."""
_SIGNS: Final = re.compile(r"[\W_]+")
_KINDS: Final = (
    (re.compile(r"什么时候|啥时候|何时|(?:哪|几)一?年|哪天|几月|时间"), re.compile(r"时间|日期|年份|年代")),
    (re.compile(r"哪里|哪儿|在哪|何处|什么地方|哪个(?:国家|城市|地方|省)"), re.compile(r"地$|地[点址区]|国|城|位置")),
    (re.compile(r"谁|哪位|什么人|哪些人"), re.compile(r"[人者员手]$|导演|主演|编剧|[妻夫父母]")),
    (re.compile(r"多少钱|价格|贵"), re.compile(r"[价票费]$|成本|价格")),
    (re.compile(r"多长|多久|几分钟|几个?小时"), re.compile(r"长$|时长")),
)


@dataclass(frozen=True, slots=True)
class Match:
    """Where a question speaks of a relation, by character offsets, and how strongly."""

    start: int
    end: int
    strength: float


@dataclass(frozen=True, slots=True)
class _Chain:
    """Hops from a topic, with where the question speaks of each."""

    steps: tuple[Step, ...]
    matches: tuple[Match, ...]


def names(text: str, source: FactSource) -> list[tuple[int, int, tuple[Node, ...]]]:
    """Return the names in a text that the graph knows, the longest ones, as offsets with the nodes of each.

    What only names a part of a relation is none: "制片" in "制片人是谁".
    """
    relations = [m.span() for m in _relation_names().finditer(text)]
    found = []
    place = 0
    while place < len(text):
        longest = next(
            ((end, nodes) for end in _ends(text, place, relations) if (nodes := source.find(text[place:end]))),
            None,
        )
        if longest:
            found.append((place, longest[0], tuple(longest[1])))
        place = longest[0] if longest else place + 1
    return found


def _ends(text: str, start: int, relations: Sequence[tuple[int, int]]) -> Iterator[int]:
    """Yield where a name from here may end, the farthest first; never inside a run of Latin letters or digits."""
    if not text[start].isalnum() or (start and _runs_on(text, start)):
        return
    for end in range(min(len(text), start + LONGEST), start + LEAST_PART - 1, -1):
        name = text[start:end]
        within = any(start < b and a < end and end - start <= b - a for a, b in relations)
        if name[-1].isalnum() and not _runs_on(text, end) and _SMALL.sub("", name) and not within:
            yield end


def _runs_on(text: str, place: int) -> bool:
    return place < len(text) and all(c.isascii() and c.isalnum() for c in text[place - 1 : place + 1])


@lru_cache(maxsize=1)
def _relation_names() -> re.Pattern[str]:
    """Return what finds the names of the relations that the table knows, the longest first."""
    known = sorted({name for names_, _ in _table() for name in names_}, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, known)))


@lru_cache(maxsize=1)
def _table() -> tuple[tuple[tuple[str, ...], tuple[re.Pattern[str], ...]], ...]:
    """Return the relations that `chinese.toml` knows: their names, and how people ask for them."""
    with TABLE.open("rb") as file:
        entries = tomllib.load(file)["relation"]
    return tuple((tuple(e["names"]), tuple(re.compile(ask) for ask in e["asks"])) for e in entries)


@lru_cache(maxsize=4096)
def _ways(relation: str) -> tuple[tuple[str, ...], tuple[re.Pattern[str], ...]]:
    """Return what a relation is called and how people ask for it."""
    for known, asks in _table():
        if relation in known:
            return (relation, *(name for name in known if name != relation)), asks
    return (relation,), ()


def match(relation: str, text: str) -> Match | None:
    """Return where a text speaks of a relation most strongly, None where it does not."""
    known, asks = _ways(relation)
    found = [
        Match(at, at + len(name), NAMED if name == relation else ASKED)
        for name in known
        if (at := text.find(name)) >= 0
    ]
    found += [Match(*said.span(), ASKED) for ask in asks if (said := ask.search(text)) and said[0]]
    if not found:
        found = [*_partly(relation, text), *_kindly(relation, text)]
    return max(found, key=lambda m: (m.strength, m.end - m.start), default=None)


def _partly(relation: str, text: str) -> Iterator[Match]:
    """Yield where the longest part of a relation's name stands: "成本" for "制片成本"."""
    for size in range(len(relation) - 1, LEAST_PART - 1, -1):
        for first in range(len(relation) - size + 1):
            part = relation[first : first + size]
            if (at := text.find(part)) >= 0 and _SMALL.sub("", part):
                yield Match(at, at + size, PART)
                return


def _kindly(relation: str, text: str) -> Iterator[Match]:
    for asked, ends in _KINDS:
        if ends.search(relation) and (said := asked.search(text)):
            yield Match(*said.span(), KIND)


def plans(text: str, topics: Sequence[tuple[int, int, Sequence[Node]]], source: FactSource) -> list[tuple[Plan, float]]:
    """Return the plans that a question may mean, the likeliest first, each with how sure one may be of it (0..1).

    Args:
        text: the question.
        topics: where names stand in it, and the nodes of each.
        source: the graph.

    """
    best: dict[str, tuple[Plan, float, float]] = {}
    for start, end, nodes in topics:
        # Other names count as words: one may be a part of how the relation is asked for.
        masked = text[:start] + "\0" * (end - start) + text[end:]
        # What is asked stands in the last clause that asks; what was said before it is talk.
        for first, last in dict.fromkeys([asking(masked), (0, len(masked))]):
            clause = "\0" * first + masked[first:last]
            for node in nodes[:N_NAMESAKES]:
                for chain in _chains(node, clause, source):
                    plan = Plan((Branch(node, chain.steps),), _counts(clause, chain.steps[-1]))
                    score = _sure(clause, chain)
                    total = score + TOLD * sum(m.end - m.start for m in chain.matches)
                    if plan.compact not in best or best[plan.compact][2] < total:
                        best[plan.compact] = plan, score, total
    return [(plan, score) for plan, score, _ in sorted(best.values(), key=lambda reading: -reading[2])]


def asking(text: str) -> tuple[int, int]:
    """Return where the last clause stands that asks something: what comes before it is talk. All, where none asks."""
    bounds = [0, *(m.end() for m in re.finditer(r"[，。！；、,!;]+", text)), len(text)]
    clauses = [(a, b) for a, b in pairwise(bounds) if ASKS.search(text[a:b])]
    return clauses[-1] if clauses else (0, len(text))


def _chains(node: Node, text: str, source: FactSource) -> Iterator[_Chain]:
    """Yield the chains of hops from a node that a text speaks of, hop after hop from left to right."""
    growing: list[tuple[_Chain, tuple[int, ...]]] = [(_Chain((), ()), (node.id,))]
    back = bool(_BACK.search(text))
    for _ in range(MAX_HOPS):
        longer = []
        for chain, nodes in growing:
            for relation, inverse in source.steps(nodes):
                said = match(relation, text)
                if said is None or (chain.matches and said.start < chain.matches[-1].end):
                    continue
                if inverse and (not back or said.strength < NAMED):
                    continue
                step = Step(relation, inverse)
                grown = _Chain((*chain.steps, step), (*chain.matches, said))
                yield grown
                facts = source.follow(nodes, relation, inverse)
                reached = dict.fromkeys(f.subject if inverse else f.object for f in facts)
                longer.append((grown, tuple(n for n in reached if n != node.id)[:SAMPLE]))
        growing = [(chain, nodes) for chain, nodes in longer if nodes]


def _sure(text: str, chain: _Chain) -> float:
    """Return how sure one may be of a chain: how strongly it is spoken of, and how little is left unexplained."""
    rest = list(text)
    for m in chain.matches:
        rest[m.start : m.end] = "\0" * (m.end - m.start)
    left = "".join(rest).replace("\0", " ")
    unexplained = len(_SIGNS.sub("", _SMALL.sub("", left)))
    explained = sum(m.end - m.start for m in chain.matches)
    strength = min(m.strength * (BACK if s.inverse else 1.0) for m, s in zip(chain.matches, chain.steps, strict=True))
    if _relation_names().search(left):
        strength *= UNTOLD
    return strength * (explained + 2.0) / (explained + 2.0 + UNEXPLAINED * unexplained)


def _counts(text: str, last: Step) -> bool:
    """Say whether a question asks how many there are, where the graph has no relation that says it."""
    return bool(_COUNT.search(text)) and not re.search(r"数量?$", last.relation)
