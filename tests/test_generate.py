"""What a decoder writes, with the fake one: settings, batches, adapters, streams."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from test_methods import QUIET, SPECS, made

from nlpkit.adapters import Adapted
from nlpkit.decoding import Decoding
from nlpkit.errors import AdapterError, BackboneError, InputError
from nlpkit.generate import Generator
from nlpkit.logits import Diverse, Draws
from nlpkit.testing import fake_backbone

PROMPTS = ["ada saw the sea", "no", "in the north a stone stood on the shore", "one more"]


@pytest.fixture(scope="module")
def writer():
    return Generator(fake_backbone(kind="llama"))


def naive(generator, prompt, n, adapter=None):
    """Return the likeliest n pieces, each from a pass over everything before it."""
    ids = generator.prompts.encode(prompt, 60).ids
    written = []
    for _ in range(n):
        with torch.inference_mode(), generator.adapted.using(adapter) as model:
            tensor = torch.tensor([ids + written])
            output = model.writer()(input_ids=tensor, attention_mask=torch.ones_like(tensor), use_cache=False)
        written.append(int(output.logits[0, -1].argmax()))
    return generator.adapted.backbone.tokenizer.decode(written, skip_special_tokens=True)


def test_the_likeliest_pieces_are_those_of_whole_passes(writer):
    for prompt in PROMPTS:
        assert writer(prompt, max_new_tokens=8).text == naive(writer, prompt, 8)


def test_a_batch_is_as_its_texts_alone(writer):
    for settings in ({}, {"do_sample": True, "seed": 5}, {"num_beams": 3}, {"repetition_penalty": 1.4}):
        together = writer(PROMPTS, max_new_tokens=10, **settings)
        assert together == [writer(prompt, max_new_tokens=10, **settings) for prompt in PROMPTS]
        assert all(g.finish == ("length" if g.n_tokens == 10 else "end") for g in together)
        assert len({g.text for g in together}) == len(PROMPTS)


@pytest.mark.filterwarnings(*QUIET)
@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_every_method_writes_as_in_whole_passes(spec):
    generator = Generator(made(spec, "llama"))
    bare = generator(PROMPTS, max_new_tokens=6)
    adapted = generator(PROMPTS, max_new_tokens=6, adapter="a")
    assert [g.text for g in adapted] == [naive(generator, p, 6, "a") for p in PROMPTS]
    assert adapted != bare
    assert generator(PROMPTS, max_new_tokens=6) == bare
    beams = generator.candidates(PROMPTS[0], max_new_tokens=6, num_beams=3, num_return_sequences=3, adapter="a")
    assert len({g.text for g in beams}) == 3


def test_draws_follow_the_probabilities():
    logits = torch.tensor([[2.0, 1.0, 0.0, float("-inf")]])
    draws = Draws([7])
    counts = torch.zeros(4)
    for _ in range(4000):
        counts[draws(torch.zeros(1, 1), logits).argmax()] += 1
    assert torch.allclose(counts / 4000, logits[0].softmax(0), atol=0.03)
    assert counts[3] == 0


def test_the_same_seed_writes_the_same_and_another_does_not(writer):
    first = writer("ada", max_new_tokens=12, do_sample=True, seed=1)
    assert writer("ada", max_new_tokens=12, do_sample=True, seed=1) == first
    others = {writer("ada", max_new_tokens=12, do_sample=True, seed=n).text for n in range(2, 6)}
    assert len(others | {first.text}) == 5


def test_threads_draw_what_one_thread_draws(writer):
    def draw(seed):
        return writer("ada", max_new_tokens=8, do_sample=True, temperature=1.3, seed=seed)

    serial = [draw(seed) for seed in range(12)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(draw, range(12))) == serial


def test_a_draw_among_one_is_no_draw(writer):
    greedy = writer("ada", max_new_tokens=8)
    for narrow in ({"top_k": 1}, {"top_p": 1e-6}, {"min_p": 0.9999}):
        assert writer("ada", max_new_tokens=8, do_sample=True, **narrow).text == greedy.text


def test_candidates_differ_and_the_first_is_that_of_one(writer):
    drawn = writer.candidates("ada", max_new_tokens=8, do_sample=True, num_return_sequences=4)
    assert len({g.text for g in drawn}) == 4
    assert drawn[0] == writer("ada", max_new_tokens=8, do_sample=True)
    beams = writer.candidates("ada", max_new_tokens=8, num_beams=4, num_return_sequences=4)
    assert beams[0] == writer("ada", max_new_tokens=8, num_beams=4)


def test_groups_without_a_penalty_are_alike_and_with_one_apart(writer):
    settings = {"max_new_tokens": 8, "num_beams": 4, "num_beam_groups": 2, "num_return_sequences": 4}
    alone = writer.candidates("ada", max_new_tokens=8, num_beams=2, num_return_sequences=2)
    alike = writer.candidates("ada", **settings, diversity_penalty=0.0)
    assert [g.text for g in alike] == [alone[0].text, alone[0].text, alone[1].text, alone[1].text]
    apart = writer.candidates("ada", **settings, diversity_penalty=5.0)
    assert [apart[0].text, apart[2].text] == [g.text for g in alone]
    assert len({g.text for g in apart}) == 4


def test_a_group_pays_for_what_the_one_before_took_at_this_step():
    diverse = Diverse(2, 1, 1.5, ends=[0])
    scores = torch.log_softmax(torch.tensor([[0.0, 3.0, 2.0], [0.0, 3.0, 2.0]]), -1)
    first = diverse(torch.tensor([[1], [1]]), scores)
    assert torch.equal(first[0], scores[0])
    assert torch.allclose(first[1] - scores[1], torch.tensor([0.0, -1.5, 0.0]))
    second = diverse(torch.tensor([[1, 1], [1, 2]]), scores)
    assert torch.allclose(second[1] - scores[1], torch.tensor([0.0, -1.5, 0.0]))


def test_a_text_ends_before_a_stop_string(writer):
    whole = writer("ada", max_new_tokens=12).text
    stop = whole[len(whole) // 2 :][:3]
    cut = writer("ada", max_new_tokens=12, stop=[stop])
    assert cut.finish == "stop"
    assert cut.text == whole[: whole.index(stop)]
    assert cut.n_tokens <= 12
    assert "".join(writer.stream("ada", max_new_tokens=12, stop=[stop])) == cut.text


def test_lengths_are_kept(writer):
    ends = Generator(fake_backbone(kind="llama"))
    ends._ends = [writer.adapted.backbone.tokenizer("e", add_special_tokens=False)["input_ids"][0]]
    for prompt in PROMPTS:
        assert writer(prompt, max_new_tokens=3).n_tokens == 3
        assert ends(prompt, max_new_tokens=9, min_new_tokens=9).n_tokens == 9


def test_no_run_of_pieces_occurs_twice(writer):
    text = writer("ada", max_new_tokens=30, no_repeat_ngram_size=2).text
    ids = writer.prompts.plain(text)
    pairs = list(pairwise(ids))
    assert len(set(pairs)) >= len(pairs) - 2  # to read it again may cut a piece elsewhere


def test_a_stream_is_the_text_in_parts_and_ends_when_it_is_left(writer):
    whole = writer("ada saw", max_new_tokens=20).text
    assert "".join(writer.stream("ada saw", max_new_tokens=20)) == whole
    before = threading.active_count()
    parts = writer.stream("ada saw", max_new_tokens=40)
    next(parts)
    parts.close()
    assert threading.active_count() == before


def test_a_stream_hands_on_what_went_wrong(writer):
    with pytest.raises(AdapterError, match="no adapter 'none'"):
        list(writer.stream("ada", adapter="none", max_new_tokens=4))


def test_a_long_prompt_loses_its_beginning_and_says_so(writer):
    prompt = "a b c d e f g h " * 20
    short = writer(prompt, max_new_tokens=14)
    assert short.dropped == len(writer.prompts.encode(prompt, 10_000).ids) - 50
    assert writer("a b", max_new_tokens=14).dropped == 0


def test_a_stream_says_what_a_long_prompt_lost(writer, caplog):
    prompt = "a b c d e f g h " * 20
    whole = writer(prompt, max_new_tokens=14)
    assert "".join(writer.stream(prompt, max_new_tokens=14)) == whole.text
    assert f"the first {whole.dropped} pieces" in caplog.text
    caplog.clear()
    list(writer.stream("a b", max_new_tokens=4))
    assert not caplog.records


def test_progress_counts_prompts(writer):
    done = []
    writer(PROMPTS * 10, max_new_tokens=2, progress=done.append)
    assert sum(done) == 40
    assert len(done) > 1


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"temperature": 0.0}, "temperature = 0.0; allowed: above 0"),
        ({"top_p": 1.5}, "top_p = 1.5; allowed: above 0, up to 1"),
        ({"wide": 3}, "unknown key 'wide'; allowed: max_new_tokens"),
        ({"num_beams": 2, "do_sample": True}, "one of the two"),
        ({"num_beams": 3, "num_beam_groups": 2}, "a divisor of num_beams"),
        ({"num_beams": 2, "num_return_sequences": 3}, "at most as many as there are beams"),
        ({"num_beams": 2, "num_return_sequences": 2}, "candidates"),
        ({"max_new_tokens": 64}, "64 pieces at once"),
        ({"min_new_tokens": 9, "max_new_tokens": 5}, "at most max_new_tokens"),
        ({"stop": [""]}, "strings that are not empty"),
        ({"chat": True}, "no chat template"),
    ],
)
def test_settings_that_cannot_be_are_named(writer, settings, says):
    with pytest.raises(InputError, match=says):
        writer("ada", **settings)


def test_prompts_that_cannot_be_are_named(writer):
    for prompt in ("", "  ", ["ada", ""]):
        with pytest.raises(InputError, match="empty"):
            writer(prompt)
    with pytest.raises(InputError, match="chat template"):
        writer([{"role": "user", "content": "hi"}])
    with pytest.raises(InputError, match="num_beams = 1"):
        writer.stream("ada", num_beams=2)


def test_an_encoder_writes_nothing():
    with pytest.raises(BackboneError, match="writes none"):
        Generator(Adapted(fake_backbone()))


def test_settings_are_values():
    assert Decoding().changed({"top_k": 5}) == replace(Decoding(), top_k=5)
    assert Decoding().changed({"stop": ["a"]}).stop == ("a",)
