# `make help` lists the targets. Variables a user sets: CONTEXT, NAMESPACE, DEPLOY, ARGS, CLUSTER.
SHELL := /bin/bash
.SHELLFLAGS := -ec -o pipefail
.DEFAULT_GOAL := help

VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
READY := $(VENV)/.ready

CONTEXT ?=
NAMESPACE ?= weather
DEPLOY ?= auto
ARGS ?=
CLUSTER ?= yes

DEPLOYMENT = $(BIN)/python -m deployment --context "$(CONTEXT)" --namespace "$(NAMESPACE)"
LOCAL = $(BIN)/python -m deployment --context weather-local --namespace weather

##@ The main job

.PHONY: k8s-test
k8s-test: $(READY) ## Run the suite inside the cluster and write reports/ (index.html, junit.xml); DEPLOY=no|yes, CONTEXT=, NAMESPACE=, ARGS="-k jobs".
	$(DEPLOYMENT) test --deploy $(DEPLOY) -- $(ARGS)

.PHONY: deploy
deploy: $(READY) ## Apply the manifests, wait for the rollout, end with a validation run.
	$(DEPLOYMENT) test --deploy yes -- $(ARGS)

.PHONY: undeploy
undeploy: $(READY) ## Delete the namespace and all that is in it, the data too.
	$(DEPLOYMENT) undeploy

.PHONY: logs
logs: $(READY) ## Show the newest log lines of every pod of the service.
	$(DEPLOYMENT) logs

.PHONY: images
images: $(READY) ## Build the three images and load them into the local cluster.
	$(LOCAL) images

.PHONY: serve
serve: $(READY) redis-server ## Run Redis, API (port 5000) and worker on this machine; Ctrl-C ends all three.
	$(BIN)/python -m app.serve

##@ The local cluster

.PHONY: cluster
cluster: $(READY) ## Start a real single-node Kubernetes (the first time builds it: about 10 minutes).
	$(BIN)/python -m local_cluster up

.PHONY: cluster-status
cluster-status: $(READY) ## Show the state of each part of the local cluster.
	$(BIN)/python -m local_cluster status

.PHONY: cluster-down
cluster-down: $(READY) ## Stop the local cluster and leave nothing of it behind but the caches.
	$(BIN)/python -m local_cluster down

.PHONY: kubeconfig
kubeconfig: $(READY) ## Print the path of the local cluster's kubeconfig.
	@$(BIN)/python -m local_cluster kubeconfig

##@ Tests of this repository

.PHONY: test
test: lint types unit browser-tests cluster-tests ## Everything: lint, types, unit, manifests, tool, browser, cluster, suite in the cluster. CLUSTER=no leaves out what needs root.

.PHONY: lint
lint: $(READY) ## Check style, format and the layers.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache

.PHONY: format
format: $(READY) ## Mend style and format in place.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: types
types: $(READY) ## Check the types, those of the tests too.
	$(BIN)/mypy

CLUSTER_TESTS = tests/manifests/test_on_cluster.py tests/tool/run tests/tool/cli tests/tool/target tests/tool/fidelity \
	tests/tool/evidence tests/tool/diagnosis tests/deployment tests/examples tests/other_suites

.PHONY: unit
unit: $(READY) redis-server ## Run all tests that need no cluster.
	for part in $(UNIT_TESTS); do $(BIN)/pytest $$part --ignore-glob='*on_cluster*'; done

.PHONY: browser-tests
browser-tests: $(READY) redis-server chromium ## Look at the report and at the service's page in a real Chromium.
	$(BIN)/pytest tests/browser

.PHONY: cluster-tests
ifeq ($(CLUSTER),no)
cluster-tests:
	@echo "left out, as CLUSTER=no says: $(CLUSTER_TESTS), and the suite in the cluster"
else
cluster-tests: root-needed cluster
	$(BIN)/pytest tests/local_cluster/on_cluster
	$(MAKE) --no-print-directory images
	for part in $(filter-out tests/local_cluster/%,$(CLUSTER_TESTS)); do $(BIN)/pytest $$part; done
	$(BIN)/python -m tests.chaos --subset --runs 1
	$(LOCAL) test --deploy yes
endif

.PHONY: chaos
chaos: chaos-runs chaos-diagnosis ## Both of the next two, which write reports/chaos.json.

.PHONY: chaos-runs
chaos-runs: root-needed cluster images ## Inject faults into real runs, print the verdicts; ARGS="--case NAME --runs 5".
	$(BIN)/python -m tests.chaos $(ARGS)

.PHONY: chaos-diagnosis
chaos-diagnosis: root-needed cluster images ## Inject faults into the cluster, print what the diagnosis names; ARGS="--fault NAME".
	$(BIN)/python -m tests.tool.diagnosis.inject $(ARGS)

.PHONY: chaos-precision
chaos-precision: root-needed cluster images ## Diagnose faults and healthy targets in noise, write reports/precision.json; ARGS="--subset".
	$(BIN)/python -m tests.tool.diagnosis.precision $(ARGS)

.PHONY: chaos-docs
chaos-docs: $(READY) ## Put the counts of reports/chaos.json into docs/chaos.md.
	$(BIN)/python -m tests.chaos --docs

.PHONY: fidelity
fidelity: root-needed cluster ## Compare other people's suites, plain and in the cluster; write docs/suites.md; ARGS="--suite click --shards 1".
	$(BIN)/python -m tests.other_suites $(ARGS)

.PHONY: bench
bench: root-needed cluster ## Measure against peers and floors, print the table, write reports/bench.json; ARGS="--row NAME --rounds 5".
	[ -e build/peers/.ready ] || $(INSTALL) --no-deps --target build/peers -r requirements/bench.txt
	touch build/peers/.ready
	$(BIN)/python -m tests.bench $(ARGS)

.PHONY: fidelity-table
fidelity-table: $(READY) ## Compare 120 commands with plain pytest, write the table of docs/fidelity.md.
	$(BIN)/python -m tests.tool.fidelity

.PHONY: fuzz
fuzz: $(READY) ## Fuzz the decoder of frames; ARGS="-runs=1000000" for longer.
	$(INSTALL) -r requirements/fuzz.txt
	$(BIN)/python tests/fuzz/fuzz_frames.py $(ARGS)

.PHONY: root-needed
root-needed:
	@[ "$$(id -u)" = 0 ] || { echo "left out: the local cluster needs root, so $(CLUSTER_TESTS)" \
	  "and the suite in the cluster did not run. Run as root, or say CLUSTER=no." >&2; exit 1; }

.PHONY: redis-server
redis-server:
	@command -v redis-server >/dev/null || deployment/install-packages redis-server

.PHONY: chromium
chromium:
	@command -v chromium >/dev/null || deployment/install-packages chromium

.PHONY: picture
picture: $(READY) chromium ## Draw docs/images/report.png anew.
	$(BIN)/python -m tests.browser.picture

##@ This checkout

$(READY): requirements/build.txt requirements/dev.txt pyproject.toml
	@deployment/make-venv "$(PYTHON)" "$(VENV)"
	@touch $@

.PHONY: venv
venv: $(READY) ## Make the virtualenv with the locked tools.

INSTALL = $(BIN)/pip install --quiet --disable-pip-version-check --require-hashes
LOCK = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header

.PHONY: lock
lock: $(READY) ## Compile requirements/*.txt anew from pyproject.toml and build.in.
	for group in api worker suite dev fuzz reporters pytest-8-4 pytest-9-0 pytest-9-1; do $(LOCK) --group $$group --output-file requirements/$$group.txt; done
	$(LOCK) --no-deps --group bench --output-file requirements/bench.txt
	$(LOCK) requirements/build.in --output-file requirements/build.txt
	for suite in requirements/suites/*.in; do \
	  $(LOCK) $$suite --constraint requirements/suite.txt --output-file $${suite%.in}.txt; done

.PHONY: clean
clean: ## Remove what the targets above made in this checkout.
	rm -rf $(VENV) build dist reports .mypy_cache .pytest_cache .ruff_cache

.PHONY: help
help: ## Show this list.
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} \
	  /^[a-z0-9-]+:.*## / {printf "  %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
