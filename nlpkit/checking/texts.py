"""What is wrong with a text itself: nothing in it, signs of a wrong encoding, signs that nobody sees, its length."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nlpkit.checking.findings import ERROR, NOTE, WARNING, Finding, Measure
from nlpkit.types import Document

CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f]")
MOJIBAKE = re.compile(
    "(?:[ÂÃ][\x80-\xbf€-™]|â[€‚„†‡ˆ‰‹Œ™š›œžŸ\x80-\xbf][\x80-\xbf€-™œžŸ–—‘’“”]|[äåæçè][\x80-\xbf€-™œžŸ]{2}|ï»¿)+"
)
"""Signs of UTF-8 that was read as Latin-1 or Windows-1252."""
_DOUBLE = re.compile("锟斤拷|烫烫烫|屯屯屯")
"""Signs of Chinese text that was decoded wrongly twice, or of memory that was never filled."""
_BLANKS = re.compile("[\u00a0\u00ad\u1680\u2000-\u200f\u2028-\u202f\u205f\u2060\ufeff]")
_WIDE = re.compile("[０-９Ａ-Ｚａ-ｚ]")
_REPLACED = "\ufffd"


def of(document: Document, measure: Measure) -> Iterator[Finding]:
    """Yield what is wrong with a text; where it stands is not filled in."""
    text = document.text
    if not text.strip():
        yield Finding("empty text", ERROR, "the text is empty")
        return
    if _REPLACED in text:
        yield Finding("encoding", WARNING, f"{text.count(_REPLACED)} signs were lost in decoding (U+FFFD)")
    if (found := MOJIBAKE.search(text) or _DOUBLE.search(text)) is not None:
        yield Finding("encoding", WARNING, f"{found[0]!r} looks like text read in a wrong encoding")
    if found := CONTROL.search(text):
        yield Finding("control characters", WARNING, f"it holds {_code(found[0])}")
    if found := _BLANKS.search(text):
        yield Finding("unusual blanks", NOTE, f"it holds {_code(found[0])}, a blank or a sign that is not seen")
    if found := _WIDE.search(text):
        yield Finding(
            "full-width letters", NOTE, f"it holds the full-width {found[0]!r}; models know the narrow one better"
        )
    if measure.encode is not None and (needed := measure.windows(text)) > 1:
        length = measure.length(text)
        yield Finding("long text", NOTE, f"{length} {measure.unit} need {needed} windows of {measure.window}")


def _code(sign: str) -> str:
    return f"U+{ord(sign):04X}"
