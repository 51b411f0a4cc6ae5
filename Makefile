# `make run` needs Python 3.11 or newer, Node 20.19 or newer, and nothing else. PYTHON=… names another interpreter.
SHELL := /bin/sh
BIN := .venv/bin
UV := uv==0.13.9
SHELL_FILES = $(shell find . \( -name .venv -o -name '.venv-*' -o -name node_modules -o -name .git -o -name build \) -prune \
	-o -name '*.sh' -print) $(wildcard .ci/run)
SQL_FILES := layers/core/python/parley/migrations
export PYTHON
STAGE ?= dev
# Pinned: what npm calls `latest` refuses the assembly with "maximum schema version".
CDK := npx --yes aws-cdk@2.1148.1

.DEFAULT_GOAL := help
.PHONY: help run down setup setup-test page check format test test-all test-vllm eval-moderation build synth diff deploy destroy build-for-stage bench lock clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: setup page ## start everything on http://127.0.0.1:8080 (PORT=… for another port); Ctrl-C stops it
	@exec $(BIN)/parley up

down: ## stop the stack, wherever it was started
	@test -x $(BIN)/parley || { echo "Nothing is installed here, so nothing runs."; exit 0; }; exec $(BIN)/parley down

setup: ## make .venv with what the local stack needs
	@local/setup_python.sh local

setup-test: ## make .venv with all extras: tests, linters, benchmarks, CDK
	@local/setup_python.sh all

page: ## build the web page
	@local/setup_page.sh

check: setup-test page ## format, lint, types, import rules, SQL, shell, web
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(BIN)/sqlfluff lint --disable-progress-bar $(SQL_FILES)
	$(BIN)/shellcheck --external-sources $(SHELL_FILES)
	$(BIN)/shfmt -d -i 4 $(SHELL_FILES)
	cd web && npm run --silent check

format: setup-test ## rewrite code in the one style
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/shfmt -w -i 4 $(SHELL_FILES)
	cd web && npm run --silent format

test: setup-test page ## the tests, on the real Postgres, Valkey and engine; sets up what they need
	$(BIN)/pytest tests --ignore=tests/faults
	cd web && npm test --silent

test-all: test ## the tests, and what survives when parts die (5 minutes more)
	$(BIN)/pytest tests/faults

test-vllm: setup-test ## the pool on real vLLM, on this machine's CPU (Linux; 3 GB and two minutes more the first time)
	@gpu_workers/vllm/cpu/setup.sh
	TEST_VLLM=1 $(BIN)/pytest tests/vllm

# `DATA` is a folder that this repository does not have: layers/ml/MODEL_CARD.md says what is in it.
eval-moderation: setup-test ## how well moderation finds what it should, and what it takes: the classifier on DATA=…, personal data
	$(BIN)/python -m layers.ml.encoder
	$(BIN)/python -m training.evaluate $(if $(DATA),--data $(DATA))
	$(BIN)/python -m training.footprint
	$(BIN)/python -m training.evaluate_pii

build: setup-test page ## make what is uploaded to AWS: ARCH=x86_64|arm64 PY=3.14 CLASSIFIER=folder|s3://…
	$(BIN)/python -m layers.build --arch $(or $(ARCH),arm64) --python $(or $(PY),3.14) $(if $(CLASSIFIER),--classifier $(CLASSIFIER))

synth: build-for-stage ## write the stacks of a stage into cdk.out, without an account: STAGE=dev|prod
	$(BIN)/python app.py -c stage=$(STAGE)

diff: build-for-stage ## what a deployment of STAGE would change
	$(CDK) diff --all -c stage=$(STAGE)

deploy: build-for-stage ## deploy STAGE into the account that the AWS CLI is signed in to (docs/deploy.md)
	$(CDK) deploy --all -c stage=$(STAGE)

destroy: build-for-stage ## delete the stacks of STAGE; what holds data in prod stays
	$(CDK) destroy --all -c stage=$(STAGE)

build-for-stage: setup-test page
	@flags=$$($(BIN)/python -m cdk.config $(STAGE)) && $(BIN)/python -m layers.build $$flags

bench: setup-test ## measure the chat function beside its peers
	$(BIN)/python -m bench

lock: ## pin the newest versions that pyproject.toml allows in constraints.txt
	$(or $(PYTHON),python3) -m venv .venv-lock
	.venv-lock/bin/python -m pip install -q $(UV)
	.venv-lock/bin/uv pip compile --quiet --upgrade --universal --all-extras --python-version 3.11 --no-header \
		--annotation-style=line pyproject.toml -o .venv-lock/constraints.txt
	{ sed -n '/^#/p;/^[^#]/q' constraints.txt; cat .venv-lock/constraints.txt; } > .venv-lock/new.txt
	mv .venv-lock/new.txt constraints.txt

clean: ## delete everything that was made but the data in .parley
	rm -rf .venv .venv-lock .venv-vllm build cdk.out layers/ml/classifier web/node_modules tests/integration/sdk_node/node_modules web/dist .pytest_cache .ruff_cache .import_linter_cache
