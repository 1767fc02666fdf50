# `make demo`, `make test`: both set themselves up, are quick the second time, and need no network
# once installed. `make help` lists the rest.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# One's own papers: make demo CORPUS=path/to/pages
CORPUS ?= ingest/sample
DEMO_INDEX := .footnote/demo-$(shell printf '%s' '$(abspath $(CORPUS))' | cksum | cut -d' ' -f1)

.DEFAULT_GOAL := help
.PHONY: help install models demo test quick lint types imports tests gate wheel docs mutants fuzz format links clean

help:  ## List the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t12

demo: $(VENV)/.installed  ## Take in CORPUS (the bundled sample by default) and serve the chat
	$(BIN)/footnote demo '$(CORPUS)' --index $(DEMO_INDEX)

test: $(VENV)/.installed-test lint types imports tests  ## Lint, types, import contracts, all tests

quick: $(VENV)/.installed-test  ## The tests that take no model, server or browser (2 minutes)
	$(BIN)/pytest -m "not slow and not browser" --in-memory -n auto --maxprocesses 4 --dist worksteal \
		--hypothesis-profile quick

install: $(VENV)/.installed  ## Install Footnote into .venv

models: $(VENV)/.installed-models  ## Install what runs a language model here (4 minutes)

lint: $(VENV)/.installed-test  ## ruff: the code's shape and its faults
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(VENV)/.installed-test links  ## pyright, strict
	$(BIN)/pyright

imports: $(VENV)/.installed-test links  ## import-linter: which room may import which
	cd build/links && ../../$(BIN)/lint-imports --config ../../pyproject.toml

tests: $(VENV)/.installed-test  ## pytest, all of it
	$(BIN)/pytest

gate: $(VENV)/.installed  ## Measure the test questions on the sample; fail on a significant drop
	$(BIN)/footnote ingest ingest/sample --index .footnote/gate
	$(BIN)/footnote eval eval/questions/test.jsonl --index .footnote/gate --out reports/gate \
		--baseline eval/baseline.json

wheel:  ## Build the wheel and use it in an empty environment (minutes, 2 GB of /tmp)
	PYTHON='$(PYTHON)' .ci/wheel

docs: $(VENV)/.installed-test links  ## Write the documentation as pages, to build/site
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet

# mutmut tells modules by where their files are, so the package lies there as it is installed.
mutants: $(VENV)/.installed-test links  ## Change the code that decides what is true, and see if a test notices (hours)
	$(BIN)/python -m pip install --quiet mutmut==3.8.1
	rm -rf build/mutants
	mkdir -p build/mutants/src
	cp -rL build/links/footnote build/mutants/src/
	cp -r tests pyproject.toml build/mutants/
	cd build/mutants && ../../$(BIN)/python -m mutmut run --max-children 1

FORMAT ?= bib
SECONDS ?= 450
fuzz: $(VENV)/.installed-test  ## Give the reader of FORMAT damaged files for SECONDS, and keep those that reach new code
	$(BIN)/python -m pip install --quiet atheris==3.0.0
	$(BIN)/python -m tests.ingest.fuzzing $(FORMAT) $(SECONDS)

format: $(VENV)/.installed-test  ## Put the code into shape
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# The package as it is installed, in links: tools that read files do not follow an editable install.
# Made anew each time, so that it follows what is added to footnote/ or taken away.
links:  ## What pyright and import-linter read: the package as it is installed
	rm -rf build/links/footnote
	mkdir -p build/links/footnote
	cd build/links/footnote && ln -s ../../../footnote/* ../../../rag ../../../ingest ../../../ui ../../../eval .

clean:  ## Remove the virtual environment, the indexes of demo and gate, and the links
	rm -rf $(VENV) .footnote build

# The constraints pin what was tested. torch comes first and alone: asked for by a range, it would
# bring several GB of libraries for GPUs.
$(VENV)/.installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "$$(grep '^torch==' constraints.txt)"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test,docs]'
	touch $@

# Compiles llama.cpp, for any processor and not for this one alone: one that says that it has AMX may
# not let programs use it. Without it the tests that need a model are skipped by name.
$(VENV)/.installed-models: export CMAKE_ARGS ?= -DGGML_NATIVE=OFF
$(VENV)/.installed-models: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt \
		-e '.[local,anthropic,gemini,mistral,azure,bedrock]'
	touch $@
