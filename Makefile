# Two commands on a fresh machine: `make lab` opens the lessons, `make test` proves them. Both do all set-up first.
.POSIX:
.NOTPARALLEL:
.PHONY: help lab test check regen bench lock clean system-for-lessons system-for-tests
SHELL = /bin/sh

PYTHON = python3
VENV = .venv
BIN = $(VENV)/bin
KEYRING = /usr/share/keyrings/debian-archive-keyring.gpg
ARGS =
NOTEBOOKS =

help: ## show this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1#/p' Makefile | tr '#' '\t' | expand -t 16

lab: system-for-lessons $(VENV)/installed ## open JupyterLab on the lessons, with a testbed ready
	@$(BIN)/dockernet lab $(ARGS)

test: system-for-tests $(VENV)/installed check ## run everything: checks, tests, every lesson in nbval and in a browser
	@$(BIN)/dockernet test $(ARGS)

check: $(VENV)/installed ## look at the sources only: ruff, mypy, and whether derived parts are up to date
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python tools/notebooks.py check

regen: system-for-lessons $(VENV)/installed ## run the lessons again and store what changed (NOTEBOOKS=... for some)
	$(BIN)/python tools/notebooks.py regen $(NOTEBOOKS)

bench: system-for-lessons $(VENV)/installed ## measure the start of a testbed and of a lab against the plain commands
	$(BIN)/python benchmarks/bench.py $(ARGS)

lock: $(VENV)/installed ## choose newer Python packages and write requirements.lock, and those of binder/ and of tests/
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --group test --group dev \
	    --generate-hashes --no-emit-index-url --custom-compile-command 'make lock' \
	    --output-file requirements.lock pyproject.toml
	$(BIN)/uv pip compile --quiet --upgrade --python-version 3.13 --python-platform x86_64-manylinux_2_28 --group image \
	    --generate-hashes --no-emit-index-url --custom-compile-command 'make lock' --constraint requirements.lock \
	    --output-file binder/requirements.lock pyproject.toml
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --extra grading \
	    --generate-hashes --no-emit-index-url --custom-compile-command 'make lock' --constraint requirements.lock \
	    --output-file tests/nbgrader.lock pyproject.toml

clean: ## end the testbed; remove the virtual environment and what tools left here
	@if test -x $(BIN)/dockernet; then $(BIN)/dockernet down; fi
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	find . -name .ipynb_checkpoints -type d -prune -exec rm -rf {} +

# ---- set-up: each step runs only where something is missing --------------------------------------------------

system-for-lessons:
	@$(missing); $(bring)

system-for-tests:
	@$(missing); command -v chromium >/dev/null || need="$$need chromium"; $(bring)

missing = need=; \
    $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || test -x $(BIN)/python || need="python3 python3-venv"; \
    command -v mmdebstrap >/dev/null || need="$$need mmdebstrap"; \
    test -e $(KEYRING) || need="$$need debian-archive-keyring"; \
    command -v ip >/dev/null || test -x /usr/sbin/ip || test -x /sbin/ip || need="$$need iproute2"

engine = test -n "$$DOCKER_HOST" || test -S /var/run/docker.sock # it can build the testbed's image by itself

bring = \
    if test -z "$$need"; then exit 0; fi; \
    if ! command -v apt-get >/dev/null; then \
        case "$$need" in *python3*|*chromium*) ;; *) if $(engine); then exit 0; fi;; esac; \
        echo "Missing:" $$need; echo "Next: install them with this system's package manager, then run make again."; exit 1; \
    fi; \
    if test "$$(id -u)" != 0; then \
        echo "Missing:" $$need; echo "Next: sudo apt-get install --yes" $$need; exit 1; \
    fi; \
    echo "Installing system packages:" $$need; \
    apt-get update -qq && \
    DEBIAN_FRONTEND=noninteractive apt-get install --yes -qq --no-install-recommends $$need >$(LOG) 2>&1 || \
    { tail -n 20 $(LOG); echo "Next: see the whole log, $(LOG)."; exit 1; }

LOG = /tmp/dockernet-apt.log

$(VENV)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "$(PYTHON) is older than 3.11. Next: make PYTHON=python3.11 ..."; exit 1; }
	@echo "Making a virtual environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/locked: $(VENV)/python requirements.lock
	@echo "Installing the Python packages that requirements.lock pins (about a minute)"
	@{ $(BIN)/python -m pip install --no-input --disable-pip-version-check --progress-bar off --require-hashes \
	    -r requirements.lock 2>$(VENV)/pip.errors || echo failed >$(VENV)/pip.failed; } | \
	    awk '/^(Collecting|Processing) / && ++n % 20 == 0 { print "  " n " found"; fflush() } /^Installing / { print "  all found, installing"; fflush() }'
	@if test -e $(VENV)/pip.failed; then rm $(VENV)/pip.failed; grep -v '^WARNING' $(VENV)/pip.errors; exit 1; fi
	@touch $@

$(VENV)/installed: $(VENV)/locked pyproject.toml
	@$(BIN)/python -m pip install --quiet --no-input --disable-pip-version-check \
	    --no-index --no-deps --no-build-isolation --editable .
	@touch $@
