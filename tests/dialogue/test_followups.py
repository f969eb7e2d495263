"""Follow-up questions made whole, by rules alone."""

import pytest

from nlpkit.dialogue.followups import Exchange, Spoken, gender, readings

KINDS = {
    "Marie Curie": "PER",
    "Pierre Curie": "PER",
    "Mary Shelley": "PER",
    "Larry Page": "PER",
    "Sergey Brin": "PER",
    "Paul": "PER",
    "Warsaw": "LOC",
    "Google": "ORG",
    "Sony": "ORG",
    "Frankenstein": "MISC",
    "居里夫人": "PER",
    "华沙": "LOC",
}


def known(text):
    return [
        Spoken(name, label, gender(name) if label == "PER" else "") for name, label in KINDS.items() if name in text
    ]


def exchange(question, *answers):
    return Exchange(question, tuple(known(question)), tuple(s for a in answers for s in known(a)))


BORN = exchange("Where was Marie Curie born?", "Warsaw")
WROTE = exchange("Who wrote Frankenstein?", "Mary Shelley")
FOUNDED = exchange("Who founded Google?", "Larry Page", "Sergey Brin")
HUSBAND = Exchange(
    "Who was Marie Curie's husband?", (Spoken("Marie Curie", "PER", "f"),), (Spoken("Pierre Curie", "PER", "m"),)
)


@pytest.mark.parametrize(
    ("before", "asked", "whole"),
    [
        ([BORN], "And when did she die?", "when did Marie Curie die?"),
        ([BORN], "When?", "When was Marie Curie born?"),
        ([BORN], "in which year exactly?", "In which year was Marie Curie born?"),
        ([BORN], "What about Pierre Curie?", "Where was Pierre Curie born?"),
        ([BORN], "And Pierre Curie?", "Where was Pierre Curie born?"),
        ([BORN], "and her husband?", "Who was Marie Curie's husband?"),
        ([BORN], "What country is it in?", "What country is Warsaw in?"),
        ([BORN], "Who else was born there?", "Who else was born in Warsaw?"),
        ([BORN], "Which river runs through the city?", "Which river runs through Warsaw?"),
        ([BORN], "Is there a river?", "Is there a river?"),
        ([WROTE], "Who was her mother?", "Who was Mary Shelley's mother?"),
        ([WROTE], "When was it published?", "When was Frankenstein published?"),
        ([WROTE], "Who directed the film?", "Who directed Frankenstein?"),
        ([WROTE], "And who composed the music?", "who composed the music of Frankenstein?"),
        ([WROTE], "And the director?", "Who was the director of Frankenstein?"),
        ([FOUNDED], "When?", "When was Google founded?"),
        ([FOUNDED], "Where is the company based?", "Where is Google based?"),
        ([FOUNDED], "And Sony?", "Who founded Sony?"),
        ([FOUNDED], "and of Sony?", "Who founded Sony?"),
        ([HUSBAND], "Where was he born?", "Where was Pierre Curie born?"),
        ([HUSBAND], "Where was she born?", "Where was Marie Curie born?"),
        ([HUSBAND], "Did he meet her in Paris?", "Did Pierre Curie meet Marie Curie in Paris?"),
        ([HUSBAND, WROTE], "What about Paul, where was he born?", "where was Paul born?"),
        ([exchange("居里夫人出生在哪里？", "华沙")], "她什么时候去世？", "居里夫人什么时候去世？"),
        ([exchange("居里夫人出生在哪里？", "华沙")], "那里有什么河？", "华沙有什么河？"),
        ([exchange("居里夫人出生在哪里？", "华沙")], "那肖邦呢？", "肖邦出生在哪里？"),
    ],
)
def test_a_follow_up_is_made_whole(before, asked, whole):
    assert readings(asked, before, known)[0] == whole


@pytest.mark.parametrize(
    "asked", ["When did Google buy YouTube?", "What is the capital of Poland?", "?", "  and  ", "和"]
)
def test_a_whole_question_stays_as_it_is(asked):
    for before in ([], [BORN]):
        assert readings(asked, before, known)[0] in (" ".join(asked.split()), "")


def test_what_was_spoken_of_long_ago_is_not_meant():
    before = [HUSBAND, *[exchange("Who founded Google?", "Warsaw")] * 4]
    assert readings("Where was she born?", before, known)[0] == "Where was she born?"


def test_a_gender_is_told_by_a_name_or_by_what_is_said():
    assert [gender("Marie Curie"), gender("Sir Isaac"), gender("Kim Lee"), gender("Kim Lee", "wife")] == [
        "f",
        "m",
        "",
        "f",
    ]
    assert gender("Kim Lee", "wife of his father") == ""
