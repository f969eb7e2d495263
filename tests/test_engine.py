"""Passes: what several tasks share is read once, and mixed batches give what each task alone gives."""

from dataclasses import replace

import pytest
import torch
from samples import EXAMPLES, passes
from test_adapters import stirred

from nlpkit import engine
from nlpkit import trunks as trunks_module
from nlpkit.adapters import Adapted
from nlpkit.adapters.rows import RowLinear
from nlpkit.engine import Job, Reading
from nlpkit.errors import InputError
from nlpkit.heads import head_class
from nlpkit.recipes import AdapterSpec
from nlpkit.testing import fake_backbone
from nlpkit.trunks import Trunks
from nlpkit.types import Document

GOLDS = [e.document for e in EXAMPLES[:6]]
TEXTS = [Document(d.text) for d in GOLDS] + [Document("Ann Lee left. " * 20), Document(""), Document("x")]
READING = Reading(64, 16, 512)
UPDATED = RowLinear._updated


def ner_head(seed):
    torch.manual_seed(seed)
    head = head_class("ner").fit(GOLDS, 16, {"width": 16})
    return head.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def adapted(tmp_path_factory):
    """Three LoRA adapters loaded side by side, two of them in the top layer alone."""
    made = Adapted(fake_backbone())
    for n, layers in enumerate(("top:1", "all", "top:1")):
        spec = AdapterSpec(rank=2, layers=layers)
        fresh = Adapted(fake_backbone())
        fresh.add("a", spec)
        stirred(fresh, seed=n)
        folder = tmp_path_factory.mktemp(f"adapter{n}")
        fresh.save("a", folder, torch.float16)
        made.load(f"task/{n}", folder, spec)
    return made


@pytest.fixture(scope="module")
def jobs():
    return [Job(f"task/{n}", [ner_head(n)], READING) for n in range(3)]


def alone(adapted, job, documents):
    with adapted.using(job.adapter) as model:
        return engine.read(model, job.heads, documents, job.reading)


def close(found, expected):
    assert [[(e.start, e.end, e.label) for e in d.entities] for d in found] == [
        [(e.start, e.end, e.label) for e in d.entities] for d in expected
    ]
    scores = [[e.score for d in documents for e in d.entities] for documents in (found, expected)]
    torch.testing.assert_close(*map(torch.tensor, scores), atol=1e-4, rtol=0)


def test_jobs_read_together_as_alone_with_the_common_layers_once(adapted, jobs):
    expected = [alone(adapted, job, TEXTS) for job in jobs]
    assert any(d.entities for d in expected[0])
    runs = []
    with adapted.using(jobs[0].adapter) as view:
        # What is inside a layer runs only where the layer does.
        inside = [layer for model in (adapted.backbone, view) for layer in list(model.layers[0].children())[:1]]
    handles = [module.register_forward_hook(lambda *_: runs.append(1)) for module in inside]
    found = engine.read_together(adapted, jobs, TEXTS)
    together = len(runs)
    runs.clear()
    for job in jobs:
        engine.read_together(adapted, [job], TEXTS)
    for handle in handles:
        handle.remove()
    for one, other in zip(found, expected, strict=True):
        close(one, other)
    # Of three adapters one changes the lowest layer; the two others go on from one pass of the bare model.
    assert 3 * together == 2 * len(runs)


def test_jobs_that_cut_long_texts_differently_still_share_the_short_ones(adapted, jobs):
    other = replace(jobs[1], reading=Reading(48, 8, 512))
    found = engine.read_together(adapted, [jobs[0], other], TEXTS)
    close(found[0], alone(adapted, jobs[0], TEXTS))
    close(found[1], alone(adapted, other, TEXTS))


def test_a_mixed_batch_gives_each_text_what_its_own_task_gives(adapted, jobs, monkeypatch):
    chosen = [jobs[(2 * n) % 3] for n in range(len(TEXTS))]
    expected = [alone(adapted, job, [d])[0] for job, d in zip(chosen, TEXTS, strict=True)]
    calls = passes(monkeypatch)
    close(engine.read_mixed(adapted, chosen, TEXTS), expected)
    assert len(calls) < len(TEXTS)
    assert max(calls) > 1


def test_an_adapter_that_reads_much_is_added_to_the_weights_for_the_time_of_the_call(adapted, jobs, monkeypatch):
    expected = [alone(adapted, job, TEXTS) for job in jobs]
    before = {name: t.clone() for name, t in adapted.backbone.model.state_dict().items()}
    updates = []
    monkeypatch.setattr(RowLinear, "_updated", lambda *a, **k: updates.append(a) or UPDATED(*a, **k))
    monkeypatch.setattr(engine, "_FOLDING", 0)
    found = engine.read_together(adapted, jobs, TEXTS)
    assert not updates
    for one, other in zip(found, expected, strict=True):
        close(one, other)
    assert all(torch.equal(t, before[name]) for name, t in adapted.backbone.model.state_dict().items())
    monkeypatch.setattr(engine, "_FOLDING", 10**9)
    engine.read_together(adapted, jobs, TEXTS)
    assert updates


def test_a_query_too_long_for_the_window_is_refused(adapted, jobs):
    with pytest.raises(InputError, match="shorten it"):
        alone(adapted, jobs[0], [Document("Ann Lee left.", query="why " * 60)])


@pytest.mark.parametrize("kind", ["bert", "llama"])
def test_kept_trunks_give_what_a_whole_pass_gives(kind, tmp_path):
    backbone = fake_backbone(kind=kind)
    windows = [w for n, d in enumerate(TEXTS) for w in READING.windows(backbone, d, n)]
    trunks = Trunks(backbone, windows, 1, tmp_path / "new" / "trunk.npy")
    batch = windows[::2]
    with torch.inference_mode():
        whole, kept = backbone.hidden(batch), backbone.hidden(batch, given=trunks.of(batch))
    torch.testing.assert_close(kept.states[kept.mask], whole.states[whole.mask], atol=1e-5, rtol=0)
    trunks.close()
    assert not list(trunks.path.parent.iterdir())


def test_trunks_of_a_killed_run_are_taken_up_where_they_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(trunks_module, "_KEPT_EVERY", 2)
    monkeypatch.setattr(trunks_module, "BATCH_PIECES", 64)
    backbone = fake_backbone()
    windows = [w for n, d in enumerate(TEXTS) for w in READING.windows(backbone, d, n)]
    whole = Trunks(backbone, windows, 1, tmp_path / "whole.npy")
    computed, read = [], []
    trunk = backbone.trunk

    def counted(batch, layer):
        if len(computed) == 3:
            raise KeyboardInterrupt
        computed.append(batch)
        return trunk(batch, layer)

    monkeypatch.setattr(backbone, "trunk", counted)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            Trunks(backbone, windows, 1, tmp_path / "cut.npy")
        computed.clear()
    monkeypatch.setattr(backbone, "trunk", lambda batch, layer: computed.append(batch) or trunk(batch, layer))
    cut = Trunks(backbone, windows, 1, tmp_path / "cut.npy", progress=read.append)
    assert sum(read) == len(windows)
    assert 0 < sum(map(len, computed)) < len(windows)
    for window in windows:
        assert torch.equal(cut.of([window]).states, whole.of([window]).states)
    computed.clear()
    Trunks(backbone, windows, 1, tmp_path / "cut.npy")
    assert computed == []
    cut.path.unlink()

    def killed(batch, layer):
        raise KeyboardInterrupt

    monkeypatch.setattr(backbone, "trunk", killed)
    with pytest.raises(KeyboardInterrupt):
        Trunks(backbone, windows, 1, tmp_path / "cut.npy")
    monkeypatch.setattr(backbone, "trunk", lambda batch, layer: computed.append(batch) or trunk(batch, layer))
    Trunks(backbone, windows, 1, tmp_path / "cut.npy")
    assert sum(map(len, computed)) == len(windows), "an account of a file that is gone says nothing"
    computed.clear()
    Trunks(backbone, windows[1:], 1, tmp_path / "cut.npy")
    assert sum(map(len, computed)) == len(windows) - 1, "other windows are read anew"
