# Everything works from a bare clone: the first target makes .venv, which later ones reuse.

PORT ?= 8000

BIN := .venv/bin
UV := $(BIN)/uv
MANIFESTS := pyproject.toml uv.lock $(wildcard packages/*/pyproject.toml)
SOURCES := $(wildcard packages example_app example_adopted tests benchmarks docs)
TYPED := $(wildcard packages/*/src example_app example_adopted tests benchmarks)

# One more than there are processors: now and then each test waits, for a lock or another process.
TESTERS := $(shell echo $$(($$(getconf _NPROCESSORS_ONLN) + 1)))

export UV_PYTHON_DOWNLOADS := never
# The certificates that this machine trusts, where it keeps any: a proxy's stands nowhere else.
ifneq ($(wildcard /etc/ssl/certs/* /etc/pki/tls/certs/* /System/Library/Keychains),)
export UV_SYSTEM_CERTS ?= true
endif

.PHONY: demo test lint types format bench docs pictures venv browser bytecode clean

demo: .venv/.demo # serve the example bookshop on PORT
	$(BIN)/python -m example_app.demo --port $(PORT)

test: lint types browser bytecode # everything that must hold before a commit
	$(BIN)/pytest --numprocesses $(TESTERS) --maxprocesses 4 --dist worksteal

lint: venv # style, and nothing else
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)

types: venv # mypy, strict; and pyright on what a user's code sees
	$(BIN)/mypy $(TYPED)
	$(BIN)/basedpyright -p tests/typing
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/basedpyright --verifytypes backoffice.core --ignoreexternal

format: venv # put the code into the house's form
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

bench: venv # every benchmark, one after the other
	@set -e; for benchmark in benchmarks/*.py; do \
		echo "== $$benchmark"; $(BIN)/python $$benchmark; \
	done

docs: venv # run the code that the documentation shows
	$(BIN)/pytest tests/docs

pictures: browser # the README's, and each kind of page at each size in artefacts/looks
	$(BIN)/python -m tests.admin.pictures
	EVERY_PICTURE=1 $(BIN)/pytest tests/admin/test_looks_browser.py -k everybody

venv: .venv/.development # the environment for all of the above

browser: venv
	$(BIN)/python -m tests.services.chromium

# Also where the machine keeps none: each of the processes of the tests would compile it again.
bytecode: venv
	PYTHONDONTWRITEBYTECODE= $(BIN)/backoffice --help >/dev/null
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m example_app.demo --help >/dev/null

clean: # remove what running things left behind, but not .venv
	rm -rf .mypy_cache .pytest_cache .ruff_cache artefacts dist
	find packages example_app example_adopted tests benchmarks -type d -name __pycache__ -prune -exec rm -rf {} +

$(BIN)/uv:
	@.ci/environment .venv

.venv/.demo: $(MANIFESTS) | $(BIN)/uv
	$(UV) sync --locked --inexact --all-packages --all-extras --no-default-groups --group demo
	@touch $@

.venv/.development: $(MANIFESTS) | $(BIN)/uv
	$(UV) sync --locked --all-packages --all-extras --all-groups
	@touch $@ .venv/.demo
