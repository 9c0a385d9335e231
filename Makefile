# Every target sets up what it needs. Before them: Python 3.11 or later and make, nothing else.

PYTHON ?= python3

DEV := .venv/.stamp
JUDGES := .venv-checkov/.stamp .venv-parliament/.stamp .venv-cloudsplaining/.stamp
TOOLS := .venv-ministack/.stamp .venv-ansible/.stamp .venv-axe/.stamp
FLAGSTONE := .venv/bin/flagstone
PIP_INSTALL := bin/python -m pip install -qq --disable-pip-version-check --no-input
PIP_COMPILE := .venv/bin/pip-compile --quiet --upgrade --generate-hashes --allow-unsafe --strip-extras \
  --no-header --no-annotate --no-emit-options --no-emit-index-url --no-emit-find-links --no-build-isolation
# The files of tests are shared out among the processors; fixtures of a file are made once.
PYTEST := .venv/bin/python -m pytest --numprocesses auto --dist loadfile
PYTHON_CODE := $(wildcard compiler platform tests benchmarks judges)

.DELETE_ON_ERROR:
.PHONY: help demo test test-ceph check update judge bench lock clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(DEV)  ## compile the example, publish it to a bucket in a folder, explain one value
	@rm -rf out/demo
	$(FLAGSTONE) compile examples/service-repo --out out/demo/compiled
	$(FLAGSTONE) publish examples/service-repo --bucket out/demo/bucket --release demo --allow-dirty
	$(FLAGSTONE) releases orders --bucket out/demo/bucket
	@find out/demo/bucket -type f | LC_ALL=C sort
	$(FLAGSTONE) explain examples/service-repo Resources.WebGroup.Properties.MinSize --env production

test: nginx graphviz chromium debootstrap aws $(DEV) $(TOOLS)  ## run the tests
	$(PYTEST) $(ARGS)

test-ceph: ceph $(DEV) $(TOOLS)  ## run what holds for every bucket on a Ceph object gateway
	.venv/bin/python -m pytest --ceph -k ceph $(ARGS)

check: nginx graphviz chromium debootstrap aws $(DEV) $(TOOLS)  ## format, lint, types and tests: what CI runs
	.venv/bin/ruff format --check $(PYTHON_CODE)
	.venv/bin/ruff check $(PYTHON_CODE)
	.venv/bin/mypy $(PYTHON_CODE)
	$(PYTEST) $(ARGS)

update: nginx graphviz chromium debootstrap aws $(DEV) $(TOOLS)  ## rewrite what the tests expect; read the diff before you commit it
	.venv/bin/python -m pytest --update $(ARGS)

judge: $(DEV) $(JUDGES)  ## let public judges look at every stack of the platform and the examples
	.venv/bin/python judges/run.py

bench: $(DEV) $(TOOLS)  ## measure, and print the numbers
	.venv/bin/python benchmarks/run.py
	.venv/bin/python benchmarks/bucket.py

lock: $(DEV)  ## resolve the dependencies anew into requirements/*.txt
	@.venv/bin/python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11) and \
	  "locks are resolved on the oldest Python: make clean, then make lock PYTHON=python3.11")'
	$(PIP_COMPILE) --extra dev --output-file requirements/dev.txt pyproject.toml
	$(PIP_COMPILE) --constraint requirements/dev.txt --output-file requirements/runtime.txt pyproject.toml
	$(PIP_COMPILE) --output-file requirements/ministack.txt requirements/ministack.in
	$(PIP_COMPILE) --output-file requirements/checkov.txt requirements/checkov.in
	$(PIP_COMPILE) --output-file requirements/parliament.txt requirements/parliament.in
	$(PIP_COMPILE) --output-file requirements/cloudsplaining.txt requirements/cloudsplaining.in
	$(PIP_COMPILE) --output-file requirements/ansible.txt requirements/ansible.in
	$(PIP_COMPILE) $(addprefix --unsafe-package=,playwright greenlet pyee typing-extensions) --no-allow-unsafe \
	  --output-file requirements/axe.txt requirements/axe.in
	@sed -i.bak -e '/^#/d' -e '/^$$/d' requirements/*.txt && rm requirements/*.bak

clean:  ## remove everything that make made
	rm -rf .venv .venv-* out dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find compiler tests platform benchmarks judges -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

# What tests run that pip does not install, where the machine lets it be installed: $(1) is a program, $(2) its
# packages, $(3) what is skipped without it.
define install_program
@PATH="$$PATH:/usr/sbin" command -v $(1) >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
  && apt-get update -qq && apt-get install -y -qq --no-install-recommends $(2) >/dev/null; } \
  || echo "no $(1) here: the tests of $(3) are skipped"
endef

.PHONY: nginx graphviz chromium debootstrap aws
nginx:
	$(call install_program,nginx,nginx-light,the running proxy)
graphviz:
	$(call install_program,dot,graphviz fonts-dejavu-core,pictures)
chromium:
	$(call install_program,chromedriver,chromium chromium-driver fonts-dejavu-core,pages in a browser)
debootstrap:
	$(call install_program,debootstrap,debootstrap,instances that boot)
aws:
	$(call install_program,aws,awscli,programs that ask AWS)

# A second store that speaks S3, and shares no code with the first.
.PHONY: ceph
ceph:
	@command -v radosgw >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
	  && apt-get update -qq && apt-get install -y -qq --no-install-recommends \
	  ceph-mon ceph-osd radosgw ceph-common >/dev/null; }

# A missing stamp means a set-up that never ended: begin again. An old one means that the lock moved: install over it.
define make_venv
@echo "setting up $(@D)"
@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=...")'
@test -e $@ || $(PYTHON) -m venv --clear $(@D)
@$(@D)/$(PIP_INSTALL) --require-hashes -r $<
endef

$(DEV): requirements/dev.txt pyproject.toml
	$(make_venv)
	@$(@D)/$(PIP_INSTALL) --no-deps --no-build-isolation -e .
	@touch $@

.venv-ministack/.stamp .venv-ansible/.stamp $(JUDGES): .venv-%/.stamp: requirements/%.txt
	$(make_venv)
	@touch $@

# A script for a browser that happens to come as a Python package: what the package itself would need is left out.
.venv-axe/.stamp: requirements/axe.txt $(DEV)
	@echo "setting up $(@D)"
	@.venv/$(PIP_INSTALL) --require-hashes --no-deps --upgrade --target $(@D) -r $<
	@touch $@
