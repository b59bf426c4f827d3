# What people and CI run. `make` alone says what there is.

.PHONY: help build lambda demo demo-elastic run check test bench fmt lint examples reference

help: ## Say what there is
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 20

build: ## Build with optimisation: target/release/shukuba, and the agent alone: shukuba-agent
	cargo build --release -p shukuba
	cargo build --release -p shukuba-agent

lambda: build ## Zip it for AWS Lambda: target/lambda/shukuba-lambda.zip; prints its size and how fast it starts
	@scripts/lambda-package.sh target/release/shukuba target/lambda/shukuba-lambda.zip
	@scripts/lambda-start.py target/lambda/shukuba-lambda.zip

demo: ## Watch 20,000 postbacks go through the whole flow; ends by itself
	@scripts/demo.sh

demo-elastic: ## Watch notifiers come and go with the curve of a day, in three minutes; draws it
	@scripts/demo-elastic.sh

run: ## Keep serving on 127.0.0.1:5310, data in ./data
	cargo run -q -p shukuba -- serve --data ./data

check: ## The checks that take under two minutes
	@scripts/test.sh check

test: ## Every test
	@scripts/test.sh

bench: ## Measure; needs wrk
	cargo run --release -p shukuba-bench

fmt: ## Format the code
	cargo fmt --all

lint: ## Lints and the project's own rules
	cargo clippy --workspace --all-targets -- -D warnings
	cargo xtask tidy

examples: ## Make examples/postbacks.ltsv again
	cargo run -q -p shukuba -- postbacks > examples/postbacks.ltsv

reference: ## Make docs/reference/configuration.md again
	cargo run -q -p shukuba -- config reference > docs/reference/configuration.md
