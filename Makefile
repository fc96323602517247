# `make help` lists what there is. Nothing needs to be installed first but Rust, and Python for `session`,
# `check`, `build` and `deploy`: other tools go into .tools/ the first time that they are needed.

SHELL := bash
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help

STACK ?= arbiter
EVENT ?= events/$(FUNCTION).json
SECONDS_EACH ?= 60

TOOLS := $(CURDIR)/.tools
SAM := $(TOOLS)/aws-sam-cli/bin/sam
AT_AWS := $(TOOLS)/aws-sam-cli/bin/python scripts/stack.py
DEBUG := $(or $(CARGO_TARGET_DIR),target)/debug
# PORT, LOCAL_DIR, PARAMETERS and SFU_COMMAND reach arbiter-local as make exports its command line. An
# `export` here would make them empty, not absent, when they are not given.
# What createRoom starts on this machine, unless something else is asked for.
SFU = $(or $(SFU_COMMAND),env PUBLIC_IP=local $(DEBUG)/arbiter-sfu)
DEMO := web/react/dist/demo
NODE_MODULES := web/node_modules/.package-lock.json
export SAM_CLI_TELEMETRY := 0
# The AWS CLI and Rust's SDK read the one, the SAM CLI and Python's SDK the other.
ifneq ($(AWS_REGION)$(AWS_DEFAULT_REGION),)
export AWS_REGION := $(or $(AWS_REGION),$(AWS_DEFAULT_REGION))
export AWS_DEFAULT_REGION := $(AWS_REGION)
endif
export RUSTDOCFLAGS := -D warnings

# $(call first,FILE,SENTENCE): says the sentence when FILE is not there, so that a long wait is expected.
first = @test -e $(1) || echo "$(2)" >&2

##@ On this machine

run: gateway web ## Run everything and open a video call. PORT= LOCAL_DIR= PARAMETERS="Name=value …" SFU_COMMAND=
	@SFU_COMMAND="$(SFU)" exec $(DEBUG)/arbiter-local run --demo $(DEMO)

test: test-rust test-web ## Run every test

test-rust: ## The gateway's and the SFU's
	$(call first,$(DEBUG)/arbiter-local,First build of the workspace: about 5 minutes on two cores.)
	@cargo build --locked --workspace --bins
	@echo "Building and running the tests."
	@cargo test --locked --workspace

simulate: ## Simulate the gateway as seeds have it. [SEED=first RUNS=number JOBS=processes]; one run is printed as it goes
	$(call first,$(or $(CARGO_TARGET_DIR),target)/simulate/simulate,First build of the simulation: about 5 minutes on two cores.)
	@cargo build --locked --quiet --profile simulate -p arbiter-simulation
	@SEED="$(SEED)" RUNS="$(RUNS)" JOBS="$(JOBS)" $(or $(CARGO_TARGET_DIR),target)/simulate/simulate

test-web: gateway web ## The client's and the component's, and calls in a real browser
	@scripts/tools.sh opentok older-opentok older-npm-opentok vonage-video || echo "TESTS WITH OTHER VERSIONS OF opentok, AND WITH vonage-video, SKIPPED: they could not be installed."
	@echo "Running the web tests."
	@cd web && npm test --silent --workspace sdk --workspace react
	@if chromium=$$(scripts/program.sh chromium); then \
	  echo "Running the browser tests (about three minutes)." && cd web && CHROMIUM="$$chromium" npm test --silent --workspace tests; \
	else echo "BROWSER TESTS SKIPPED: there is no Chromium."; fi

invoke: needs-FUNCTION gateway ## Run one function once, on sample rows. FUNCTION=identify [EVENT=events/….json]
	@$(DEBUG)/arbiter-local invoke --function $(FUNCTION) --event $(EVENT)

watch: gateway ## Serve the functions for `cargo lambda invoke`, beside a running `make run`
	@scripts/tools.sh cargo-lambda
	@PATH="$(TOOLS)/cargo-lambda/bin:$$PATH" exec scripts/watch.sh $(DEBUG)/arbiter-local

token: needs-PATH_NAME gateway ## Mint a token for a running `make run`. PATH_NAME=… [PEER=… ROLE=…]
	@$(DEBUG)/arbiter-local token --secret TokenSecret --path "$(PATH_NAME)" $(if $(PEER),--peer "$(PEER)") $(if $(ROLE),--role "$(ROLE)")

ticket: gateway ## Mint a ticket for a running `make run` with ConnectTickets=yes. PATH_NAME=… | SESSION=…
	@$(DEBUG)/arbiter-local ticket $(if $(SESSION),--session "$(SESSION)",--path "$(PATH_NAME)")

session: gateway ## Make a session in a running `make run`, and print a link to its page for each role
	@scripts/session.py $(DEBUG)/arbiter-project

project: $(if $(filter-out no false 0 off,$(AWS)),known) gateway ## Make a project, or rotate the secret of API_KEY. [API_KEY=… RETIRE=yes PUBLIC_KEY=file.pem AWS=yes]
	@$(DEBUG)/arbiter-project $(if $(API_KEY),--api-key "$(API_KEY)") $(if $(RETIRE),--retire "$(RETIRE)") \
	  $(if $(PUBLIC_KEY),--public-key "$(PUBLIC_KEY)") $(if $(AWS),--aws "$(AWS)") --stack "$(STACK)"

packages: web ## Make the npm packages, into web/dist/: npm install path/to/web/dist/*.tgz
	@rm -rf web/dist && mkdir -p web/dist
	@cd web && npm pack --silent --workspace sdk --workspace react --pack-destination dist

bench: web ## Measure functions, relays and calls, and write the tables of docs/BENCHMARKS.md
	$(call first,$(or $(CARGO_TARGET_DIR),target)/release/arbiter-local,First optimised build: about 20 minutes on two cores.)
	@cargo build --locked --release --workspace --bins
	@cargo run --locked --release --quiet -p arbiter-tests --bin bench
	@cargo bench --quiet -p arbiter-sfu
	@scripts/tools.sh wrtc
	@cd web/tests && CHROMIUM="$$(../../scripts/program.sh chromium)" PROFILE=release npx vitest run --config bench/bench.config.ts

original: needs-CLIENT needs-SFU gateway web ## The original's own programs beside ours, in a browser. CLIENT=folder SFU=folder [PICTURES=folder]
	@echo "Installing what they need, beside copies of them, and holding six calls (about three minutes)."
	@cd web/tests && CLIENT="$(abspath $(CLIENT))" SFU="$(abspath $(SFU))" $(if $(PICTURES),PICTURES="$(abspath $(PICTURES))") \
	  CHROMIUM="$$(../../scripts/program.sh chromium)" npx vitest run --config original/original.config.ts

fuzz: ## Feed every message parser with nonsense. [TARGET=… SECONDS_EACH=60]
	@scripts/fuzz.sh "$(TARGET)" "$(SECONDS_EACH)"

##@ Checks

check: fmt clippy docs documents circles lint-web templates policies emulated ## Everything below but audit

fmt: ## Formatting
	@echo "Formatting."
	@cargo fmt --all --check

clippy: ## Lints, with warnings as errors
	@echo "Lints (a few minutes the first time)."
	@cargo clippy --locked --quiet --workspace --all-targets -- -D warnings

docs: ## Documentation of the code, with warnings as errors
	@echo "Documentation (a few minutes the first time)."
	@cargo doc --locked --quiet --workspace --no-deps

documents: ## No line of a document that is longer than 120 characters
	@echo "Documents."
	@scripts/documents.py

circles: ## No two files of a crate or package that import each other
	@echo "Imports."
	@scripts/circles.py

lint-web: web ## Formatting, lints and types of web/
	@echo "Formatting, lints and types of web/."
	@cd web && npm run --silent check

templates: ## sam validate --lint, and cfn-lint on the nested templates
	@scripts/tools.sh aws-sam-cli cfn-lint
	@echo "Templates."
	@$(SAM) validate --lint --region us-east-1
	@$(TOOLS)/cfn-lint/bin/cfn-lint --non-zero-exit-code informational infra/*.yaml

emulated: ## What deploy asks and destroy deletes, with an emulator of AWS
	@scripts/tools.sh aws-sam-cli ministack
	@echo "Deploying and destroying stacks of an emulator (under a minute)."
	@$(TOOLS)/aws-sam-cli/bin/python scripts/test_stack.py --failfast

policies: ## What the templates allow, against scripts/calls.yaml
	@scripts/tools.sh aws-sam-cli
	@$(TOOLS)/aws-sam-cli/bin/python scripts/check_policies.py

audit: ## Licences, sources, known vulnerabilities, duplicate and unused dependencies [AUDIT=offline] (the tools take minutes to build, once)
	@scripts/tools.sh cargo-deny cargo-machete
	@PATH="$(TOOLS)/cargo-deny/bin:$(TOOLS)/cargo-machete/bin:$$PATH" scripts/audit.sh

##@ At AWS (STACK=arbiter unless given)

build: ## Build every function for Lambda, into .aws-sam/
	@scripts/tools.sh aws-sam-cli cargo-lambda
	$(call first,$(or $(CARGO_TARGET_DIR),target)/lambda,First build for Lambda: about 13 minutes on two cores. Later ones: a minute for each changed function.)
	@PATH="$(TOOLS)/cargo-lambda/bin:$$PATH" $(SAM) build $(if $(PARAMETERS),--parameter-overrides $(PARAMETERS))

image: ## Build the SFU's image and push it to ECR. [ARCHITECTURE=arm64 REPOSITORY=…]
	@scripts/image.sh "$(or $(ARCHITECTURE),x86_64)" "$(or $(REPOSITORY),$(STACK)-sfu)"

deploy: ## Create or update a stack, and write its addresses into .env. The first time: PARAMETERS="SfuImage=…"
	@scripts/tools.sh aws-sam-cli
	@$(AT_AWS) ready $(STACK)
	@$(MAKE) build
	@$(SAM) deploy --stack-name $(STACK) $(if $(PARAMETERS),--parameter-overrides $(PARAMETERS))
	@$(AT_AWS) addresses $(STACK)

destroy: ## Delete a stack and all that it leaves, named one by one, after a yes. [YES=yes]
	@scripts/tools.sh aws-sam-cli
	@$(AT_AWS) destroy $(STACK)

smoke: needs-URL ## Check a deployed stack. URL=https://… SIGNAL_URL=wss://…
	@echo "Checking $(URL) $(SIGNAL_URL) (building first)."
	@cargo run --locked --quiet -p arbiter-tests --bin smoke -- "$(URL)" $(if $(SIGNAL_URL),"$(SIGNAL_URL)")

logs: known ## Follow the log of all functions of a stack
	@exec $(SAM) logs --cw-log-group /arbiter/$(STACK)/functions --tail

##@ Other

clean: ## Remove what these commands made, tools and local data included
	@rm -rf .aws-sam .local .tools web/node_modules web/dist web/*/dist
	@cargo clean

help: ## This list
	@awk 'BEGIN {FS = ":.*## "} \
	  /^##@ / {printf "\n%s\n", substr($$0, 5)} \
	  /^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# The client, the component and the demo page.
web: $(DEMO)/index.html

$(NODE_MODULES): web/package.json web/package-lock.json $(wildcard web/*/package.json)
	@command -v npm >/dev/null || { echo "This needs Node 20.19 or newer (on Debian: apt-get install nodejs npm)."; exit 1; }
	@echo "Installing what the web parts are built with (npm, once, about half a minute)."
	@cd web && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

$(DEMO)/index.html: $(NODE_MODULES) $(shell find web/sdk web/react -type f -not -path '*/dist/*' -not -path '*/node_modules/*' -not -path '*/test/*')
	@echo "Building the web client and the demo page."
	@cd web && npm run --silent build
	@touch $@

# The local gateway, and the functions and the SFU that it runs.
gateway:
	$(call first,$(DEBUG)/arbiter-local,First build: about 4 minutes on two cores. Later ones take seconds.)
	@cargo build --locked --quiet --workspace --exclude arbiter-tests --exclude arbiter-simulation --bins

# Stops with a sentence when there is no such stack. Standard output is whoever asks for this.
known:
	@scripts/tools.sh aws-sam-cli >&2
	@$(AT_AWS) known $(STACK)

# A target that there is not.
.DEFAULT:
	@echo "There is no \"make $@\". There are: $$(scripts/nearest.sh "$@" $$(sed -n 's/^\([a-z-]*\):.*## .*/\1/p' Makefile))" >&2
	@echo "make help says what they do." >&2
	@exit 2

# Stops with a sentence when a variable is not given.
needs-%:
	@test -n "$($*)" || { echo "Give $*: make $(MAKECMDGOALS) $*=…   (make help says more)"; exit 1; }

.PHONY: audit bench build check circles clean clippy deploy destroy docs documents emulated fmt fuzz gateway help image invoke known lint-web logs original packages policies project run session \
	simulate smoke templates test test-rust test-web ticket token watch web
