"""Texts of several languages in several encodings come out as they were written; mixed ones are refused by line."""

import gzip
import logging
import zipfile

import pytest

from nlpkit import data
from nlpkit.data import files
from nlpkit.errors import DataError

TEXTS = [
    (
        ("gb18030", "utf-16", "utf-16-le"),
        (
            "今天下午的会议改到三点。",
            "这家餐馆的面条很好吃，价格也便宜。",
            "李明在北京大学读书。",
            "我想订一张去上海的火车票。",
            "苹果公司发布了新手机",
            "请问最近的地铁站在哪里？",
            "他昨天买了三本书。",
            "质量太差了，不推荐购买",
            "股市今日小幅上涨",
            "明天会下雨吗",
            "体育新闻：中国队二比一获胜",
            "送餐很快，味道不错",
            "物流慢，包装破损",
            "播放周杰伦的歌",
            "打开客厅的灯",
            "患者出现头痛和发热",
            "合同自签订之日起生效",
            "张伟，男，1975年出生，汉族",
            "好",
            "很好吃",
            "差评",
            "北京\tLOC",
            "我们去吃饭吧",
            "这部电影的结局让人意外",
            "房间干净，服务员态度热情",
            "手机电池不耐用，一天要充两次电",
            "孩子跟谁睡",
            "央行下调存款准备金率",
            "游戏画面精美但操作复杂",
            "老师布置了很多作业",
        ),
    ),
    (
        ("big5", "gb18030"),
        (
            "今天下午的會議改到三點。",
            "這家餐館的麵條很好吃，價格也便宜。",
            "李明在臺灣大學讀書。",
            "我想訂一張去高雄的火車票。",
            "請問最近的捷運站在哪裡？",
            "他昨天買了三本書。",
            "品質太差了，不推薦購買",
            "股市今日小幅上漲",
            "明天會下雨嗎",
            "房間乾淨，服務員態度熱情",
            "播放周杰倫的歌",
            "打開客廳的燈",
            "很好吃",
            "我們去吃飯吧",
            "遊戲畫面精美但操作複雜",
        ),
    ),
    (
        ("cp1252",),
        (
            "Der Zug fährt um acht Uhr ab.",
            "Schöne Grüße aus München!",
            "Das Essen war köstlich, aber überteuert.",
            "Können Sie mir bitte helfen?",
            "Die Straße ist gesperrt.",
            "Größe und Gewicht prüfen",
            "Ich möchte ein Zimmer für zwei Nächte.",
            "Die Lieferung kam verspätet an.",
            "Müller wohnt in Köln.",
            "Österreich gewann das Spiel",
            "Für mich wäre das zu früh.",
            "Ärger mit dem Händler",
            "Das Gerät läuft nicht",
            "Übermorgen fällt der Unterricht aus",
        ),
    ),
    (
        ("cp1252",),
        (
            "Le café était très bon.",
            "Où est la gare la plus proche ?",
            "L’été dernier, nous étions à Paris.",
            "Ça ne marche pas, c’est décevant.",
            "Réservez une chambre près de l'hôtel",
            "Élève modèle",
            "Il a déjà payé la facture.",
            "français",
        ),
    ),
    (
        ("cp1252",),
        (
            "The price was £20 – too much.",
            "“Smart quotes” are here…",
            "It’s a naïve idea.",
            "Café open till five.",
            "It costs 5 € today",
        ),
    ),
    (
        ("cp1252",),
        (
            "El tren sale a las ocho de la mañana.",
            "¿Dónde está la estación más cercana?",
            "Mi niño comió después",
            "avión",
        ),
    ),
    (
        ("shift_jis", "euc_jp"),
        (
            "今日の会議は三時に変更されました。",
            "この店のラーメンはとても美味しいです。",
            "東京へ行きたいです。",
            "バッテリーがすぐ切れる",
        ),
    ),
    (
        ("cp949",),
        (
            "오늘 회의는 세 시로 변경되었습니다.",
            "이 식당의 국수는 정말 맛있어요.",
            "서울역까지 어떻게 가나요?",
        ),
    ),
    (
        ("cp1251",),
        (
            "Сегодня совещание перенесли на три часа.",
            "Очень вкусный суп и низкая цена.",
            "Где ближайшая станция метро?",
            "Плохое качество, не советую",
        ),
    ),
]
"""Short texts by the encodings that they are written in."""
CASES = [(encoding, text) for encodings, texts in TEXTS for encoding in encodings for text in texts]


@pytest.fixture(autouse=True)
def _anew():
    files._tell.cache_clear()


def read(path, member=""):
    return [line for _, line in files.lines(path, member)]


@pytest.mark.parametrize(("encoding", "text"), CASES)
def test_one_short_line_comes_out_as_it_was_written(encoding, text, tmp_path):
    path = tmp_path / "data"
    path.write_bytes(f"{text}\n".encode(encoding))
    assert read(path) == [text]


@pytest.mark.parametrize(("encodings", "texts"), TEXTS)
def test_what_is_not_utf8_is_said_once_with_file_and_encoding(encodings, texts, tmp_path, caplog):
    caplog.set_level(logging.WARNING)
    for encoding in encodings:
        path = tmp_path / f"{encoding}.txt"
        path.write_bytes("\n".join(texts).encode(encoding))
        assert read(path) == read(path) == list(texts)
        assert files.encoding_of(path) == encoding
        (said,) = [m for m in caplog.messages if f"{path} is not UTF-8" in m]
        assert f"read as {encoding}" in said


def test_utf8_is_read_without_a_word_packed_or_not(tmp_path, caplog):
    text = "今天\tein Gruß\n" * 3
    (tmp_path / "plain").write_bytes(b"\xef\xbb\xbf" + text.encode())
    (tmp_path / "packed.gz").write_bytes(gzip.compress(text.encode("gb18030")))
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("in.txt", "今天很好".encode("gb18030"))
    assert read(tmp_path / "plain") == text.splitlines()
    assert files.encoding_of(tmp_path / "plain") == "utf-8"
    assert not caplog.messages
    assert files.encoding_of(tmp_path / "packed.gz") == "gb18030"
    assert read(tmp_path / "all.zip", "in.txt") == ["今天很好"]
    (tmp_path / "ascii").write_text("only this\n")
    assert files.encoding_of(tmp_path / "ascii") == "utf-8"


def test_the_encoding_may_show_only_after_megabytes_of_ascii(tmp_path):
    path = tmp_path / "late.csv"
    path.write_bytes(b"text,label\n" + b"plain words,a\n" * 200_000 + "很好吃,b\n".encode("gb18030"))
    *_, last = data.read(path, "csv")
    assert last.document.text == "很好吃"


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("今天的会议改到三点\n".encode() * 3 + "今天的会议改到三点\n".encode("gb18030"), 4),
        ("今天的会议改到三点\n".encode("gb18030") * 3 + "今天的会议改到三点\n".encode(), 4),
        ("schöne Grüße aus München\n".encode() * 9 + "schöne Grüße\n".encode("cp1252"), 10),
        (b"plain\n" * 5 + "今天的会议".encode()[:-1] + b"\nplain\n", 6),
        ("今天的会议\n".encode() * 200_000 + "会议\n".encode("gb18030") * 2, 200_001),
        ("今天的会议改到三点\n".encode("gb18030") * 200_000 + b"\xff\xff\n", 200_001),
        (b"plain\n\0\0\n", 2),
        ("今天的会议".encode()[:-1], 1),
    ],
)
def test_a_file_of_several_encodings_or_none_is_refused_with_its_line(content, line, tmp_path):
    path = tmp_path / "mixed"
    path.write_bytes(content)
    with pytest.raises(DataError, match=rf"mixed, line {line}: .*; convert the whole file to UTF-8"):
        read(path)


def test_a_rare_sign_among_latin_letters_is_no_chinese(tmp_path):
    path = tmp_path / "kiln.txt"
    text = "The clay was fired at 460°C for two hours, and then left to cool overnight in the kiln.\n" * 3
    path.write_bytes(text.encode("cp1252"))
    assert "".join(f"{line}\n" for _, line in files.lines(path)) == text
    assert files.encoding_of(path) == "cp1252"
