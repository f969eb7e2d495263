"""Progress where standard error is no terminal: a line now and then, and nothing on standard output."""

import pytest

from nlpkit.cli import progress
from nlpkit.cli.progress import Bar


@pytest.fixture
def clock(monkeypatch):
    """Move time by hand: `clock[0]` is now."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_a_line_now_and_then_with_rate_and_time_left(clock, capsys):
    with Bar("reading", "documents") as bar:
        bar.update(50, 150)
        for _ in range(2):
            clock[0] += 10
            bar.update(int(50 + (clock[0] - 100) * 2), 150, "7 facts")
    out, err = capsys.readouterr()
    assert out == ""
    # What an earlier run had read counts as done, but not towards the rate.
    assert err.splitlines() == ["nlpkit: reading: 90/150 documents, 2.0 documents/s, 7 facts, 0:30 left"]


def test_without_a_total_no_time_is_promised(clock, capsys):
    with Bar("reading", "documents") as bar:
        bar.update(0, None)
        clock[0] += 20
        bar.update(10, None)
    assert capsys.readouterr().err.splitlines() == ["nlpkit: reading: 10 documents, 0.5 documents/s"]
