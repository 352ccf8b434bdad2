# `make help` lists the targets. Variables a user sets: CONTEXT, NAMESPACE, DEPLOY, ARGS, CLUSTER.
SHELL := /bin/bash
# Compiled files are kept whatever the user's shell says: the tests start some thousand interpreters.
export PYTHONDONTWRITEBYTECODE :=
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

.PHONY: diagnose
diagnose: $(READY) ## Say what is wrong where `make k8s-test` runs; CONTEXT=, NAMESPACE=, ARGS="--json".
	$(DEPLOYMENT) diagnose -- $(ARGS)

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

# The suite needs a service: it runs in the cluster, and against broken services in tests/suite.
PYTEST = $(BIN)/pytest tests --ignore=tests/incluster
# On all cores, but not on so many that their starts cost more than they save.
ON_CORES = --numprocesses=auto --maxprocesses=4 --dist=worksteal --timeout=300

.PHONY: test
ifeq ($(CLUSTER),no)
test: lint types tests-without-cluster ## Everything: lint, types, all tests, chaos, the suite in the cluster. CLUSTER=no leaves out what needs root.
	@echo "left out, as CLUSTER=no says: the tests marked cluster (the deselected ones above)," \
	  "a part of the chaos cases, and the suite in the cluster"
else
test: root-needed lint types redis-server chromium promtool
	@echo "meanwhile the cluster starts and its images are built: build/cluster.log"
	mkdir -p build; \
	  $(MAKE) --no-print-directory cluster images >build/cluster.log 2>&1 & code=0; \
	  $(MAKE) --no-print-directory tests-without-cluster || code=$$?; \
	  wait $$! || { cat build/cluster.log >&2; exit 1; }; exit $$code
	$(MAKE) --no-print-directory tests-with-cluster
endif

.PHONY: quick
quick: lint types redis-server ## Before each commit: lint, types and the fast tests that need neither cluster nor browser.
	$(PYTEST) $(ON_CORES) -m "not cluster and not browser and not slow"

.PHONY: tests-without-cluster
tests-without-cluster: $(READY) redis-server chromium promtool ## All tests that need no cluster.
	$(PYTEST) $(ON_CORES) -m "not cluster"

.PHONY: tests-with-cluster
tests-with-cluster: root-needed cluster images ## The tests on the cluster, a part of the chaos cases, the suite in the cluster.
	$(PYTEST) --timeout=600 -m cluster
	$(BIN)/python -m tests.chaos --subset --runs 1
	$(LOCAL) test --deploy yes

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

.PHONY: chaos-rollouts
chaos-rollouts: root-needed cluster images ## Roll a target out at random moments of 100 runs, write reports/rollouts.json; ARGS="--runs 20 --seed 3".
	$(BIN)/python -m tests.chaos.rollouts $(ARGS)

.PHONY: demo-deploys
demo-deploys: root-needed cluster images ## Deploy well, badly, twice, without an image; show each verdict, write reports/deploys.json; ARGS="--rollouts 100" or "--targets 100".
	$(BIN)/python -m tests.deploys $(ARGS)

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
	[ -e build/queues/.ready ] || $(INSTALL) --no-deps --target build/queues -r requirements/queues.txt
	touch build/queues/.ready
	$(BIN)/python -m tests.bench $(ARGS)

.PHONY: recipes
recipes: root-needed cluster ## Deploy by Argo CD, Rollouts, Flagger, Flux, Helm and the like, write reports/recipes.json; ARGS="--recipe NAME --case NAME --show".
	[ -e build/recipes/.ready ] || $(INSTALL) --no-deps --target build/recipes -r requirements/recipes.txt
	touch build/recipes/.ready
	$(BIN)/python -m tests.recipes $(ARGS)

.PHONY: fidelity-table
fidelity-table: $(READY) ## Compare 120 commands with plain pytest, write the table of docs/fidelity.md.
	$(BIN)/python -m tests.tool.fidelity

.PHONY: fuzz
fuzz: $(READY) ## Fuzz the decoder of frames; ARGS="-runs=1000000" for longer.
	$(INSTALL) -r requirements/fuzz.txt
	$(BIN)/python tests/fuzz/fuzz_frames.py $(ARGS)

.PHONY: mutants
mutants: $(READY) ## Change verdict, frames and target a little, see that their tests notice; ARGS="--file PATH".
	$(BIN)/python -m tests.mutants $(ARGS)

.PHONY: root-needed
root-needed:
	@[ "$$(id -u)" = 0 ] || { echo "the local cluster needs root: run as root, or say" \
	  "make test CLUSTER=no, which leaves out what needs the cluster" >&2; exit 1; }

.PHONY: redis-server
redis-server:
	@command -v redis-server >/dev/null || deployment/install-packages redis-server

.PHONY: chromium
chromium:
	@command -v chromium >/dev/null || deployment/install-packages chromium

.PHONY: promtool
promtool:
	@command -v promtool >/dev/null || [ -x build/promtool ] || deployment/fetch-promtool build/promtool

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
	for group in api worker suite validator dev fuzz queues reporters pytest-8-4 pytest-9-0 pytest-9-1; do $(LOCK) --group $$group --output-file requirements/$$group.txt; done
	for group in bench recipes; do $(LOCK) --no-deps --group $$group --output-file requirements/$$group.txt; done
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
