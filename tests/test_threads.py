"""Many threads on one backbone: every call gets what it would get alone, whatever happens beside it."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event, Thread

import pytest
import torch
from test_adapters import stirred
from test_backbone import TEXTS, batch
from test_blending import shrunk
from test_methods import SPECS, made

from nlpkit.adapters import Adapted
from nlpkit.recipes import AdapterSpec
from nlpkit.testing import fake_backbone

LOADED = ("lora", "rslora", "ia3", "prefix", "bottleneck-parallel", "ptuning")
"""Six adapters; two of them share a model."""


@pytest.fixture(scope="module", params=["bert", "llama"])
def folders(request, tmp_path_factory):
    """The kind of a backbone, and the folders of the adapters for it."""
    found = {}
    for number, name in enumerate((*LOADED, "spare")):
        spec = SPECS.get(name, SPECS["lora"])
        found[name] = (tmp_path_factory.mktemp(name), spec)
        made(spec, request.param, seed=number).save("a", found[name][0], torch.float16)
    return request.param, found


def work(folders, n_threads, n_requests):
    """Compare the requests of several threads with the serial ones, while adapters come and go."""
    kind, found = folders
    adapted = Adapted(fake_backbone(kind=kind))
    for name in LOADED:
        adapted.load(name, *found[name])
    parts = [batch(adapted.backbone, texts) for texts in (TEXTS[:1], TEXTS[1:], TEXTS)]

    def states(name, part):
        with adapted.using(name) as model, torch.inference_mode():
            return model.hidden(parts[part], attention=part == 2).states

    names = [None, *LOADED]
    serial = {(name, part): states(name, part) for name in names for part in range(3)}
    done, changes = Event(), 0

    def come_and_go():
        nonlocal changes
        while not done.is_set():
            adapted.load("spare", *found["spare"])
            adapted.load("again", *found["ia3"])
            adapted.blend("both", {"lora": 0.5, "spare": 0.5})
            for name in ("both", "again", "spare"):
                adapted.remove(name)
            changes += 1

    def ask(thread):
        for n in range(n_requests):
            name, part = names[(thread * 3 + n) % len(names)], (thread + n) % 3
            if not torch.equal(states(name, part), serial[name, part]):
                return f"{name} in thread {thread}, request {n}"
        return ""

    changing = Thread(target=come_and_go)
    changing.start()
    try:
        with ThreadPoolExecutor(n_threads) as pool:
            wrong = [w for w in pool.map(ask, range(n_threads)) if w]
    finally:
        done.set()
        changing.join(60)
    assert not wrong
    assert changes > 0
    assert adapted.names == list(LOADED)


def test_calls_of_several_threads_do_not_meet(folders):
    work(folders, n_threads=8, n_requests=25)


@pytest.mark.slow
def test_many_calls_of_several_threads_do_not_meet(folders):
    work(folders, n_threads=8, n_requests=200)


@pytest.mark.parametrize("kind", ["bert", "llama"])
def test_a_mixed_batch_gives_each_row_its_own_adapter(kind, tmp_path):
    """Rows of lora and rslora adapters of different ranks and layers in one batch."""
    specs = {
        "a": AdapterSpec(rank=2, alpha=4.0),
        "b": AdapterSpec("rslora", rank=3, alpha=2.0),
        "c": AdapterSpec(rank=4, layers="top:1"),
    }
    adapted = Adapted(fake_backbone(kind=kind))
    for number, (name, spec) in enumerate(specs.items()):
        (tmp_path / name).mkdir()
        shrunk(made(spec, kind, seed=number)).save("a", tmp_path / name, torch.float16)
        adapted.load(name, tmp_path / name, spec)
    adapted.add("apart", SPECS["ia3"])
    stirred(adapted, "apart")
    assert [adapted.mixes(name) for name in (*specs, "apart")] == [True, True, True, False]
    windows = batch(adapted.backbone, [*TEXTS, TEXTS[0], TEXTS[1]])
    names = ["a", "a", "b", "c", "c"]
    with adapted.mixed(names) as model, torch.inference_mode():
        together = model.hidden(windows, attention=True)
    for row, (name, window) in enumerate(zip(names, windows, strict=True)):
        with adapted.using(name) as model, torch.inference_mode():
            alone = model.hidden([window], attention=True)
        n = len(window)
        torch.testing.assert_close(together.states[row, :n], alone.states[0], atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(together.attention[row, :, :n, :n], alone.attention[0], atol=1e-5, rtol=1e-5)
