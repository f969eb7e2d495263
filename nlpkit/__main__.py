"""`python -m nlpkit`, which is the command `nlpkit`: for launchers that take a module."""

from nlpkit.cli.main import app

app(prog_name="nlpkit")
