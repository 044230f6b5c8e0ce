# The front door: `make run` starts Watchkeeper, `make test` runs every test. `make` alone lists the rest.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL: # cargo and npm share out the cores by themselves

CARGO ?= cargo
NPM := npm --prefix frontend

# The program that the browser and client tests start. The tests' own build is the same code as the released one.
WATCHKEEPER_BIN ?= $(CURDIR)/target/debug/watchkeeper

# npm writes this file at the end of every installation, so it is the stamp to compare the lock file with.
NODE_MODULES := frontend/node_modules/.package-lock.json
DASHBOARD := frontend/dist/index.html
DASHBOARD_SOURCES := $(shell find frontend/src frontend/public frontend/index.html frontend/*.ts frontend/*.json -type f 2>/dev/null)

##@ Use

.PHONY: run
run: build ## Start Watchkeeper on 127.0.0.1:8080 with an SQLite file in ./data
	@exec ./target/release/watchkeeper serve

.PHONY: build
build: $(DASHBOARD) ## Build the released binary, with the dashboard inside, as target/release/watchkeeper
	$(CARGO) build --locked --release --package watchkeeper

##@ Test

.PHONY: test
test: $(DASHBOARD) test-rust test-frontend e2e ## Run every test; installs what they need
	@echo "make test: everything passed"

.PHONY: test-packages
test-packages: # Installs what the tests start, where it is missing
	@scripts/install-test-packages.sh postgresql chromium faketime iproute2

# One build of everything serves the Rust tests, the browser test and the generated client: the same packages with the
# same features, so that nothing is compiled twice.
.PHONY: test-build
test-build:
	$(CARGO) build --locked --workspace --all-targets

.PHONY: test-rust
test-rust: test-packages test-build ## Run the Rust tests, with the contract suites on memory, SQLite and PostgreSQL
	$(CARGO) test --locked --workspace

.PHONY: test-frontend
test-frontend: $(NODE_MODULES) ## Run the dashboard's unit tests
	$(NPM) test

.PHONY: e2e
e2e: test-packages $(DASHBOARD) test-build ## Drive the real binary with a real browser
	WATCHKEEPER_BIN='$(WATCHKEEPER_BIN)' $(NPM) run e2e

.PHONY: rehearse-upgrade
rehearse-upgrade: test-packages ## Replace nodes of the program of the commit FROM by those of this one, or of TO, under load
	scripts/rehearse-upgrade.sh '$(FROM)' '$(TO)'

##@ Keep in order

.PHONY: check
check: check-format check-architecture check-domain check-lints check-docs check-frontend check-compose check-alerts ## Check format, lints, types, documents and architecture
	@echo "make check: everything in order"

.PHONY: check-format
check-format:
	$(CARGO) fmt --all --check

.PHONY: check-architecture
check-architecture:
	scripts/check-architecture.sh

# Built without its neighbours: in a workspace build their features would hide what the domain lacks.
.PHONY: check-domain
check-domain:
	$(CARGO) build --locked --package watchkeeper-domain --no-default-features
	$(CARGO) test --locked --package watchkeeper-domain
	$(CARGO) package --locked --package watchkeeper-domain --allow-dirty --quiet

.PHONY: check-lints
check-lints:
	$(CARGO) clippy --locked --workspace --all-targets -- --deny warnings

# With the examples, dependencies have the features that the lints built them with, and are not checked anew.
.PHONY: check-docs
check-docs:
	RUSTDOCFLAGS='--deny warnings' $(CARGO) doc --locked --workspace --no-deps --lib --examples

.PHONY: check-frontend
check-frontend: $(NODE_MODULES)
	$(NPM) run check

.PHONY: check-compose
check-compose:
	@for compose in 'docker compose' 'docker-compose'; do \
	  if $$compose version >/dev/null 2>&1; then \
	    POSTGRES_PASSWORD=x WATCHKEEPER_JWT_SECRET=x $$compose config --quiet; echo 'compose.yaml: valid'; exit; \
	  fi; \
	done; \
	echo 'compose.yaml: not checked, since there is no docker compose here'

.PHONY: check-alerts
check-alerts:
	@scripts/install-test-packages.sh prometheus
	promtool check rules deploy/alerts.yaml
	promtool test rules deploy/alerts-test.yaml

.PHONY: format
format: ## Format the Rust code
	$(CARGO) fmt --all

.PHONY: openapi
openapi: $(NODE_MODULES) ## Write openapi.yaml and the dashboard's types anew from the code
	$(CARGO) run --locked --quiet --package watchkeeper -- openapi > openapi.yaml.new
	mv openapi.yaml.new openapi.yaml
	$(NPM) run generate

##@ Measure

# Which parts are measured: load, dashboards, crowd, growth, nodes, history, closing, backup. What is kept of the others stays in the document.
PARTS ?=

.PHONY: bench
bench: build ## Measure everything within ten minutes, and write docs/performance.md
	@scripts/install-test-packages.sh postgresql
	$(CARGO) run --locked --release --package watchkeeper-bench -- measure --size small $(PARTS)

.PHONY: bench-full
bench-full: build ## Measure at full size, a million monitors among it; PARTS="crowd history" takes only these
	@scripts/install-test-packages.sh postgresql
	$(CARGO) run --locked --release --package watchkeeper-bench -- measure --size full $(PARTS)

# For how long, in seconds. What looks on is of the tests' own build, which is there already where they were run.
SOAK_SECONDS ?= 3600
# Where figures and a plot are left: docs/soak keeps them.
SOAK_KEPT ?= target/soak

.PHONY: soak
soak: build test-build ## Run the released binary for SOAK_SECONDS (an hour) with all that people do to it; fails where memory grows or a slot is lost
	@scripts/install-test-packages.sh postgresql
	SOAK_SECONDS=$(SOAK_SECONDS) target/debug/watchkeeper-soak run --kept $(SOAK_KEPT)

##@ Help

.PHONY: help
help: ## List what there is
	@awk 'BEGIN { FS = ":.*## " } \
	  /^##@ / { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z0-9-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

$(NODE_MODULES): frontend/package.json frontend/package-lock.json
	$(NPM) ci
	@touch $@

$(DASHBOARD): $(NODE_MODULES) $(DASHBOARD_SOURCES)
	$(NPM) run build
	@touch $@
