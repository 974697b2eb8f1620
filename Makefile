# make lab: set up and run the whole lab in its quick form.   make test: the tests.   make check: lint, types, layers.
# make pool-model: anything happens to a worker pool, STEPS times.   make pool-faults: faults planted for it to find.
# make mutants: what the tests of the parts that decide and count would not notice (docs/mutants.md); PART=admission for one.
# make refutations: each experiment with its claim made false (docs/refutations.md); ONLY=blocked-loop for one.
# make accessibility: axe-core and chromium on the report in OUT; needs npm.
# make verdicts: do the outcomes of the lab hold beside a neighbour? Hours; TIMES=1 tries it out.
# make accuracy: how right are the doctor's saturation load and first queue? An hour; TIMES=1 tries it out.
# make proofs: does a proof of the doctor prove? TIMES=40 of the same program against itself, and changes that are known.
# make kills: what does a run keep that is ended at a random moment? TIMES of them.
# PYTHON=python3.13 chooses another Python; the environment in .venv is then made again.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OUT := trio-lab-report
STEPS := 200000

VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
MADE := $(VENV)/.made-with-$(VERSION)
# A plain path in site-packages (compat), and no import hook: type checkers of other projects follow the path alone.
PIP := PIP_CONSTRAINT=constraints.txt $(BIN)/python -m pip --disable-pip-version-check install --quiet \
	--constraint constraints.txt --config-settings editable_mode=compat

.PHONY: lab test check format mutants pool-model pool-faults refutations verdicts accuracy proofs kills accessibility clean

lab: $(VENV)/.installed
	$(BIN)/trio-lab run --quick --out $(OUT)
	@echo "Open $(OUT)/index.html in a browser; every figure is in $(OUT)/results.json."
	@echo "See it live: $(BIN)/trio-lab serve --live, then http://127.0.0.1:3001/ in a browser. A run: trio-lab run --quick --live."

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

check: $(VENV)/.installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_layers.py

format: $(VENV)/.installed-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

mutants: .venv-mutants/.installed
	.venv-mutants/bin/python -m tests.mutation $(PART)

pool-model: $(VENV)/.installed-dev
	$(BIN)/python -m tests.pools.pool_machine $(STEPS)

pool-faults: $(VENV)/.installed-dev
	$(BIN)/python -m tests.pools.plant_faults

refutations: $(VENV)/.installed-dev
	$(BIN)/python -m tests.refutations $(ONLY)

TIMES := 10
verdicts: $(VENV)/.installed-dev
	$(BIN)/python -m tests.verdicts --times $(TIMES)

accuracy: $(VENV)/.installed-dev
	$(BIN)/python -m tests.doctor.accuracy --times $(TIMES)

proofs: $(VENV)/.installed-dev
	$(BIN)/python -m tests.doctor.proofs --times $(TIMES)

accessibility: $(VENV)/.installed-dev
	$(BIN)/python -m tests.accessibility $(OUT)

kills: $(VENV)/.installed-dev
	$(BIN)/python -m tests.kills $(TIMES)

$(MADE):
	@echo "Making $(VENV) with Python $(VERSION)"
	rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV)
	touch $@

# Each stamp is newer than what it was made from, so a second call sets nothing up.
$(VENV)/.installed: $(MADE) pyproject.toml constraints.txt
	@echo "Installing trio_lab"
	$(PIP) --editable '.[lab]'
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	@echo "Installing what the tests and checks need"
	$(PIP) --editable '.[dev]'
	touch $@

# mutmut's dependencies are many, and nothing else needs them.
.venv-mutants/.installed: pyproject.toml constraints.txt
	@echo "Installing mutmut in .venv-mutants"
	$(PYTHON) -m venv .venv-mutants
	$(subst $(BIN),.venv-mutants/bin,$(PIP)) --editable '.[mutants]'
	touch $@

clean:
	rm -rf $(VENV) .venv-mutants .mutants .verdicts .accuracy .proofs .axe $(OUT) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
