# Two commands do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
QUICK := tests/aws tests/cfn tests/checks tests/config tests/deciders tests/flows tests/plan tests/stacks tests/test_deployment.py \
  tests/test_diagram.py tests/test_distributions.py tests/test_names.py tests/test_permissions.py tests/test_templates.py
FOCUS := .venv-focus
RULES := .venv-rules
AUDIT := .venv-audit

.DEFAULT_GOAL := help
.PHONY: help demo quick test heavy long focus rules audit wheel bench soak format requirements docs clean

help:
	@echo "make demo    the whole story on this machine"
	@echo "make quick   what one runs before a commit: rules of the code, and the tests that start no cloud; under a minute"
	@echo "make test    what one runs before a change is sent: about ten minutes on two cores"
	@echo "make heavy   the files that take a minute or more each; CI runs them after make test"
	@echo "make long    the stories that take minutes: pipeline, roles, day two, diagnoses"
	@echo "make focus   the FOCUS rows before their public validator, in an environment of its own"
	@echo "make rules   checkov and AWS's own rules over every template, cloudsplaining over every policy, in an environment of their own"
	@echo "make audit   what is pinned before pip-audit, for known vulnerabilities, in an environment of its own;"
	@echo "             ADVISORIES=DIRECTORY asks a checkout of github.com/pypa/advisory-database where no database can be reached"
	@echo "make wheel   product, embedded cloud and all of it, installed for each Python from 3.11 to 3.13 that is here, begin in an empty directory"
	@echo "make bench   measurements (ratios)"
	@echo "make requirements  the hashes of what the pipeline installs, from constraints.txt"
	@echo "make soak    the long run"

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or later is needed; this is $$($(PYTHON) --version). Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: $(STAMP)
	@$(BIN)/python -m hermes_cfn demo

quick: $(STAMP)
	$(BIN)/ruff format --check -q .
	$(BIN)/ruff check -q .
	$(BIN)/lint-imports | tail -n 1
	$(BIN)/pytest -n 2 --dist worksteal -m "not heavy and not long and not soak and not bench and not slow" $(QUICK)

test: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m hermes_cfn render --check
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder --durations 25 -m "not heavy and not long and not soak and not bench"

heavy: $(STAMP)
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder --durations 25 -m "heavy and not long and not soak and not bench"

long: $(STAMP)
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder -m long tests

$(FOCUS)/.installed: tests/focus/requirements.txt
	$(PYTHON) -m venv $(FOCUS)
	$(FOCUS)/bin/python -m pip install --quiet --disable-pip-version-check --requirement tests/focus/requirements.txt
	@touch $@

focus: $(STAMP) $(FOCUS)/.installed
	$(BIN)/python tests/focus/validate.py $(FOCUS)

$(RULES)/.installed: tests/rules/requirements.txt tests/rules/guard-requirements.txt
	$(PYTHON) -m venv $(RULES)
	$(RULES)/bin/python -m pip install --quiet --disable-pip-version-check --requirement tests/rules/requirements.txt
	$(RULES)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --requirement tests/rules/guard-requirements.txt
	@touch $@

rules: $(STAMP) $(RULES)/.installed
	$(BIN)/python tests/rules/judge.py $(RULES)

$(AUDIT)/.installed: tests/audit/requirements.txt
	$(PYTHON) -m venv $(AUDIT)
	$(AUDIT)/bin/python -m pip install --quiet --disable-pip-version-check --requirement tests/audit/requirements.txt
	@touch $@

audit: $(AUDIT)/.installed
	$(AUDIT)/bin/python tests/audit/judge.py $(AUDIT)/bin/pip-audit $(ADVISORIES)

wheel: $(STAMP)
	tests/wheel/install.sh

bench: $(STAMP)
	$(BIN)/pytest -m bench -rP tests/bench

soak: $(STAMP)
	CONFIGURATIONS=120 $(BIN)/pytest -s tests/stacks/test_any_configuration.py
	PROOFS=60 $(BIN)/pytest -s tests/stacks/test_plan_is_a_proof.py
	$(BIN)/pytest -m soak -rP tests/soak

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

requirements: $(STAMP)
	{ sed '/^#/!d' hermes_cfn/cli/workflows/requirements.txt; \
	  $(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["dependencies"], sep="\n")' | \
	  $(BIN)/uv pip compile --quiet --generate-hashes --universal --python-version 3.11 --no-header --no-annotate --constraint constraints.txt - ; } > .requirements
	mv .requirements hermes_cfn/cli/workflows/requirements.txt

docs: $(STAMP)
	$(BIN)/python docs/make.py

clean:
	-$(BIN)/python -m hermes_cfn local stop
	rm -rf $(VENV) $(FOCUS) $(RULES) $(AUDIT) .hermes build dist *.egg-info
