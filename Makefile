# Everything that a checkout can do. `make` alone lists it.
# Wants: make, python3 (3.11 or newer) with venv. All else is fetched into .venv, by hash.

PYTHON ?= python3
VENV   := .venv
PY     := $(VENV)/bin/python
LOCKS  := packaging/requirements
JOBS   ?= 2

export PYTHONPATH := $(CURDIR)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help venv venv-test packages run cluster-demo test lint types check bench soak etc clean distclean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

venv: $(VENV)/.run-stamp ## build .venv with what the relay needs, checked by hash

$(VENV)/.run-stamp: $(LOCKS)/run.lock packaging/venv.sh
	@sh packaging/venv.sh "$(PYTHON)" "$(VENV)" $(LOCKS)/run.lock
	@touch $@

venv-test: $(VENV)/.test-stamp ## add what tests, lint and types need

$(VENV)/.test-stamp: $(VENV)/.run-stamp $(LOCKS)/test.lock
	@sh packaging/venv.sh "$(PYTHON)" "$(VENV)" $(LOCKS)/test.lock
	@touch $@

packages: ## install the Debian packages that tests and bench use (as root; else say which)
	@sh packaging/test-packages.sh

run: venv ## start the demo: a relay on 127.0.0.1:2525 and a stand-in customer server
	@exec $(PY) -m shieldrelay.demo

cluster-demo: venv ## start three nodes that share a redis-server, a customer, an attacker and a lawful sender
	@exec $(PY) -m shieldrelay.demo.cluster $(DEMO)

test: venv-test packages ## run every test (TESTS="tests.mail tests.smtp" for some)
	@$(PY) -m tests.run -j $(JOBS) $(if $(SUMMARY),--summary $(SUMMARY)) $(TESTS)

lint: venv-test ## check the style of all Python
	@$(VENV)/bin/ruff check .

types: venv-test ## check the types, strictly
	@$(VENV)/bin/mypy

check: lint types test ## lint, types and tests

bench: venv-test packages ## measure this relay against Postfix (BENCH="--quick" or "--only 4k --rounds 1")
	@$(PY) -m bench $(BENCH)

soak: venv-test packages ## the long versions of the fault tests; the last result stands in docs/soak.md
	@$(PY) -m bench.soak

etc: venv ## render etc/ and the pages that are made of declarations
	@$(PY) -m shieldrelay.config.render
	@$(PY) -m shieldrelay.admin.ctl_page
	@$(PY) -m shieldrelay.assembly.reference_replies
	@$(PY) -m shieldrelay.metrics.render
	@$(PY) -m shieldrelay.alarms.render

deb: ## build the Debian package of what is committed into dist/
	@sh packaging/deb.sh dist

clean-root: deb ## install the package into a bare Debian and try what it is for (as root)
	@sh packaging/clean-root.sh dist/shieldrelay_*.deb

clean: ## remove what runs leave behind (var/ with the demo's mail, caches)
	@rm -rf var build dist _trial_temp* .mypy_cache .ruff_cache .hypothesis *.egg-info twisted/plugins/dropin.cache
	@find . -path ./$(VENV) -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean ## clean, and remove .venv
	@rm -rf $(VENV)
