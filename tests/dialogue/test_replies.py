"""Replies by templates, and which values a reply does not say."""

import json

import pytest
from test_extraction import spelling_backbone
from test_teaching import TABLE as LESSONS

import nlpkit
from nlpkit import recipes
from nlpkit.backbone import Backbone
from nlpkit.dialogue import State
from nlpkit.phrasing import Phrasing
from nlpkit.replies import Act, named_values, reply_prompt, slot_error_rate, templated, unsaid

TABLE = LESSONS | {"training": LESSONS["training"] | {"epochs": 150}}


@pytest.mark.parametrize(
    ("acts", "reply"),
    [
        ([Act("REQUEST", "city"), Act("REQUEST", "party_size", ("2", "4"))], "Which city and party size (2 or 4)?"),
        ([Act("INFORM", "star_rating", ("4",))], "The star rating is 4."),
        (
            [Act("OFFER", "hotel_name", ("Sea View",)), Act("INFORM_COUNT", "count", ("7",))],
            "I found 7. How about this: the hotel name is Sea View?",
        ),
        ([Act("CONFIRM", "date", ("May 3rd",)), Act("CONFIRM", "time", ("6 pm",))],
         "Please confirm: the date is May 3rd and the time is 6 pm."),
        ([Act("NOTIFY_SUCCESS"), Act("REQ_MORE")], "It is done. Is there anything else?"),
        ([Act("INFORM", "has_bar", ("True",)), Act("INFORM", "area", ("dontcare",))],
         "Has bar (yes) and any area."),
        ([Act("OFFER_INTENT", "intent", ("ReserveHotel",))], "Shall I reserve hotel?"),
        ([], ""),
    ],
)  # fmt: skip
def test_a_template_says_what_the_acts_name(acts, reply):
    assert templated(acts) == reply
    assert not unsaid(reply, named_values(acts))


def test_values_count_as_said_in_any_case_and_small_numbers_in_words():
    assert unsaid("A table for Two at SEA VIEW, 6 pm", ["2", "Sea View", "6 pm", "20", "Sea"]) == ["20"]
    assert unsaid("seaside", ["sea"]) == ["sea"]


def test_the_slot_error_rate_counts_values():
    assert slot_error_rate(["The city is Oslo.", "At 6 pm."], [["Oslo"], ["6 pm", "7"]]) == pytest.approx(1 / 3)
    assert slot_error_rate([], []) == 0.0


def test_a_decoder_words_what_a_task_asks_and_confirms(tmp_path, monkeypatch):
    monkeypatch.setattr(Backbone, "from_pretrained", classmethod(lambda cls, *names, **more: spelling_backbone()))
    asking = State("book", {"city": "Oslo"}), [Act("REQUEST", "day")], "in Oslo"
    sure = State("book", {"city": "Oslo"}), [Act("CONFIRM", "city", ("Oslo",))], "in Oslo"
    pairs = [
        {"prompt": reply_prompt(said, state.intent, state.slots, acts), "response": f" {reply}\n"}
        for (state, acts, said), reply in ((asking, "Day?"), (sure, "Yes?"))
    ]
    (tmp_path / "train.jsonl").write_text("\n".join(map(json.dumps, pairs)) + "\n")
    phrasing = Phrasing(nlpkit.train(recipes.from_dict(TABLE, name="replies"), data=tmp_path, out=tmp_path / "out"))
    assert phrasing.written([pair["prompt"] for pair in pairs]) == ["Day?", "Yes?"]
    assert phrasing("in Oslo", *asking[:2]) == "Day?"
    assert phrasing("in Oslo", *sure[:2]) == "Please confirm: the city is Oslo."
    assert phrasing.mended("", pairs[0]["prompt"], asking[1]) == "Which day?"
    asked = []
    monkeypatch.setattr(phrasing, "written", lambda prompts: asked.extend(prompts) or ["Day?"])
    phrasing.persona = "a sailor,\nshort of words"
    assert phrasing("in Oslo", *asking[:2]) == "Day?"
    assert asked == [f"persona: a sailor, short of words\n{pairs[0]['prompt']}"]
    assert phrasing.mended("To Oslo.", pairs[1]["prompt"], sure[1]) == "To Oslo."
