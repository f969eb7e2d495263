"""Replies by templates, and which values a reply does not say."""

import pytest

from nlpkit.dialogue.replies import slot_error_rate, templated, unsaid
from nlpkit.schemas import Act


@pytest.mark.parametrize(
    ("acts", "reply"),
    [
        ([Act("REQUEST", "city"), Act("REQUEST", "party_size", ("2", "4"))], "Which city and party size (2 or 4)?"),
        ([Act("INFORM", "star_rating", ("4",))], "The star rating is 4."),
        (
            [Act("OFFER", "hotel_name", ("Sea View",)), Act("INFORM_COUNT", "count", ("7",))],
            "How about this: the hotel name is Sea View? I found 7.",
        ),
        ([Act("CONFIRM", "date", ("May 3rd",)), Act("CONFIRM", "time", ("6 pm",))],
         "Please confirm: the date is May 3rd and the time is 6 pm."),
        ([Act("NOTIFY_SUCCESS"), Act("REQ_MORE")], "It is done. Is there anything else?"),
        ([Act("OFFER_INTENT", "intent", ("ReserveHotel",))], "Shall I reserve hotel?"),
        ([], ""),
    ],
)  # fmt: skip
def test_a_template_says_what_the_acts_name(acts, reply):
    assert templated(acts) == reply
    assert not unsaid(reply, [value for act in acts if act.kind != "OFFER_INTENT" for value in act.values])


def test_values_count_as_said_in_any_case_and_small_numbers_in_words():
    assert unsaid("A table for Two at SEA VIEW, 6 pm", ["2", "Sea View", "6 pm", "20", "Sea"]) == ["20"]
    assert unsaid("seaside", ["sea"]) == ["sea"]


def test_the_slot_error_rate_counts_values():
    assert slot_error_rate(["The city is Oslo.", "At 6 pm."], [["Oslo"], ["6 pm", "7"]]) == pytest.approx(1 / 3)
    assert slot_error_rate([], []) == 0.0
