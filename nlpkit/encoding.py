"""Which encoding bytes are in: UTF-8 where they can be, else found by looking at what they would say.

Statistics of bytes need a page of text to tell GB18030 from Korean or Japanese, and data files are often short lines.
So the encodings of two bytes a sign are told by how many of the signs that they would give are everyday ones;
charset-normalizer tells those of one byte a sign.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Callable
from functools import cache
from typing import IO, Any, Final

from nlpkit.errors import InputError

UTF8: Final = "utf-8"
_BLOCK: Final = 2**20
_SAMPLE: Final = 2**16
"""So many bytes from the first one on that is not ASCII are looked at."""
_MARKS: Final = (
    (b"\xef\xbb\xbf", UTF8),
    (b"\xff\xfe\0\0", "utf-32"),
    (b"\0\0\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_ONE_BYTE: Final = ["cp1252", "cp1251", "koi8_r", "cp1253", "cp1255", "cp1256", "cp874"]
_LATIN: Final = ["cp1250", "cp1254", "cp1257", "cp1252"]
"""The encodings of Latin letters, which differ in few of them, and those of western Europe."""
_WESTERN: Final = frozenset("éèàêçâîôûùëïäöüßñáíóúåæøãõÉÈÀÇÄÖÜÑÁÓÅÆØ’‘“”„–—…€£°«»¿¡§©®™×½")
_EVERYDAY: Final = 0.6
"""An encoding is believed from this share of everyday signs on."""
_DAMAGED: Final = 0.3
"""Bytes beyond ASCII of which this share is valid UTF-8 are UTF-8 with foreign ones among them."""
_NO_ACCIDENT: Final = 12
"""A line with so many bytes beyond ASCII is not valid UTF-8 by accident."""
_SEQUENCE: Final = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_ASCII: Final = bytes(range(128))
_FOREIGN: Final = re.compile(r"[^\0-\x7f]")
_LONE: Final = re.compile(r"(?<=[A-Za-z])[^\0-\x7f](?![^\0-\x7f])|(?<![^\0-\x7f])[^\0-\x7f](?=[A-Za-z])")
"""A sign beyond ASCII within a word: an accented letter, whatever it would be in two bytes."""
_ADJACENT: Final = re.compile(r"[^\0-\x7f]{2}")
_SPARSE: Final = 25
"""In so many signs of a text with one beyond ASCII each, and never two together, those are no East Asian writing."""
_HANZI: Final = (
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里好很去看用多没"
    "家天小学想吃么吗什都还点起差评這個們來為國說時會對於著過發後裡沒學嗎麼還點評請請"
)
_KANA: Final = "のにはをたがでてとしれさいるなもかっりきこすまけお"
_HANGUL: Final = "이다는을가에의한고지하도로은기사를리어자아시나서대해인그으만습니요있정수"
_SIGNS: Final = "\u3000-\u303f\uff01-\uff5e“”‘’—…·"
_FREQUENT: Final = {"gb18030": _HANZI, "big5": _HANZI, "shift_jis": _KANA, "euc_jp": _KANA, "cp949": _HANGUL}
"""The encodings of two bytes a sign, the likeliest first, with signs that nearly every text of theirs has."""


class MixedError(InputError):
    """Bytes of several encodings, or of none; `line` is the first at fault, from 1 on, or 0 where it is not known."""

    def __init__(self, said: str, line: int = 0) -> None:
        super().__init__(said)
        self.line = line


class Utf8Reader(io.RawIOBase):
    """The bytes of a text file as UTF-8, whatever it is in; read once, without holding more than a block of it.

    The encoding is decided at the first bytes that are not ASCII. `encoding` is "" until then; `found` is told of one
    that is not UTF-8.

    Raises:
        MixedError: the bytes are of several encodings or of none (when they are read).

    """

    def __init__(self, raw: IO[bytes], found: Callable[[str], None]) -> None:
        super().__init__()
        self._raw, self._found = raw, found
        self._decoder: codecs.IncrementalDecoder | None = None
        self._pending = memoryview(b"")
        self._lines, self._ended = 0, False
        self.encoding = ""

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer with the next bytes; 0 at the end."""
        while not self._pending and not self._ended:
            block = self._raw.read(_BLOCK)
            self._ended = not block
            self._pending = memoryview(self._utf8(block))
        given = self._pending[: len(buffer)]
        self._pending = self._pending[len(given) :]
        buffer[: len(given)] = given
        return len(given)

    def _utf8(self, block: bytes) -> bytes:
        if not self.encoding and not (block.isascii() and b"\0" not in block):
            block += self._raw.read(_SAMPLE)
            self.encoding = encoding_of(block, self._lines)
            if self.encoding != UTF8:
                self._decoder = codecs.getincrementaldecoder(self.encoding)()
                self._found(self.encoding)
        if self._decoder is None:
            self._lines += 0 if self.encoding else block.count(b"\n")
            return block
        try:
            text = self._decoder.decode(block, final=not block)
        except UnicodeDecodeError as e:
            line = self._lines + 1 + e.object[: e.start].count(b"\n")
            said = f"byte 0x{e.object[e.start]:02x} is not {self.encoding}, as what stands before it is"
            raise MixedError(said, line) from e
        self._lines += text.count("\n")
        return text.encode(UTF8, "surrogatepass")


def encoding_of(block: bytes, lines_before: int = 0) -> str:
    """Return the encoding of a beginning of a text, which may end within a sign, as Python names it.

    Raises:
        MixedError: it is of several encodings, or no text.

    """
    for mark, encoding in _MARKS:
        if block.startswith(mark):
            return encoding
    if wide := _wide(block):
        return wide
    if b"\0" in block:
        line = lines_before + 1 + block[: block.index(b"\0")].count(b"\n")
        raise MixedError("a NUL byte, which no text holds: this is another kind of file", line)
    if decoded(block, UTF8) is not None:
        return UTF8
    _refuse_mixed_lines(block, lines_before)
    first = len(block) - len(block.lstrip(_ASCII))
    sample = block[max(0, first - 1) : first + _SAMPLE]
    if found := _two_bytes(sample):
        return found
    _refuse_damaged(block, lines_before)
    if found := _one_byte(sample):
        return found
    raise MixedError("none of the encodings that are known", lines_before + 1 + block[:first].count(b"\n"))


def decoded(block: bytes, encoding: str) -> str | None:
    """Return bytes as text, less a sign that is cut off at their end; None where they are not of the encoding."""
    try:
        return codecs.getincrementaldecoder(encoding)().decode(block)
    except UnicodeDecodeError:
        return None


def _wide(block: bytes) -> str:
    """Return which UTF-16 without a mark bytes are in, "" for neither."""
    if b"\0" not in block:
        return ""
    best, share = "", _EVERYDAY
    for encoding in ("utf-16-le", "utf-16-be"):
        text = decoded(block[:_SAMPLE], encoding)
        if text and "\0" not in text:
            plain = sum(
                (sign.isascii() and (sign.isprintable() or sign.isspace())) or sign in _everyday() for sign in text
            )
            best, share = (encoding, plain / len(text)) if plain / len(text) > share else (best, share)
    return best


def _refuse_mixed_lines(block: bytes, lines_before: int) -> None:
    """Raise MixedError where some lines are UTF-8 and others are not."""
    first: tuple[bool, int] | None = None
    for number, line in enumerate(block[:_SAMPLE].split(b"\n")[:-1], lines_before + 1):
        foreign = len(line.translate(None, _ASCII))
        is_utf8 = decoded(line, UTF8) is not None
        if not foreign or (is_utf8 and foreign < _NO_ACCIDENT):
            continue
        first = first or (is_utf8, number)
        if first[0] != is_utf8:
            said = ("not UTF-8, as line", "UTF-8, other than line")[is_utf8]
            raise MixedError(f"the line is {said} {first[1]}", number)


def _refuse_damaged(block: bytes, lines_before: int) -> None:
    """Raise MixedError where bytes are UTF-8 but for some."""
    foreign = len(block.translate(None, _ASCII))
    if sum(map(len, _SEQUENCE.findall(block))) < _DAMAGED * foreign:
        return
    try:
        block.decode(UTF8)
    except UnicodeDecodeError as e:
        line = lines_before + 1 + block[: e.start].count(b"\n")
        raise MixedError(f"byte 0x{block[e.start]:02x} is not UTF-8, as the rest is", line) from e


def _two_bytes(sample: bytes) -> str:
    best, most = "", 0.0
    for encoding, frequent in _FREQUENT.items():
        text = decoded(sample, encoding)
        signs = _FOREIGN.findall(text) if text else []
        if not text or not signs or (len(text) > _SPARSE * len(signs) and not _ADJACENT.search(text)):
            continue
        everyday = _everyday() if encoding != "gb18030" else _everyday() - _japanese()
        common = sum(sign in everyday for sign in signs) - sum(sign in everyday for sign in _LONE.findall(text))
        score = common + sum(sign in frequent for sign in signs) / 2
        if common >= _EVERYDAY * len(signs) and score / len(signs) > most:
            best, most = encoding, score / len(signs)
    return best


def _one_byte(sample: bytes) -> str:
    from charset_normalizer import from_bytes

    found = from_bytes(sample, cp_isolation=_ONE_BYTE).best()
    western = decoded(sample, "cp1252")
    signs = _FOREIGN.findall(western) if western else []
    if sum(sign in _WESTERN for sign in signs) > 0.9 * len(signs):
        return "cp1252"
    if found and found.encoding == "cp1252":
        found = from_bytes(sample, cp_isolation=_LATIN).best() or found
    return found.encoding if found else ""


@cache
def _japanese() -> frozenset[str]:
    return frozenset(map(chr, range(0x3041, 0x30FD)))


@cache
def _everyday() -> frozenset[str]:
    """Return the signs of everyday East Asian texts: the first levels of GB 2312, Big5 and KS X 1001, and kana."""
    high = range(0xA1, 0xFF)
    pairs = [
        *((bytes((a, b)), "gb2312") for a in range(0xB0, 0xD8) for b in high),
        *((bytes((a, b)), "big5") for a in range(0xA4, 0xC7) for b in (*range(0x40, 0x7F), *high)),
        *((bytes((a, b)), "euc_kr") for a in range(0xB0, 0xC9) for b in high),
    ]
    signs = {pair.decode(encoding, "ignore") for pair, encoding in pairs} - {""}
    marks = {*map(chr, (*range(0x3000, 0x3040), *range(0xFF01, 0xFF5F))), *"“”‘’—…·"}
    return frozenset(signs | marks | _japanese())
