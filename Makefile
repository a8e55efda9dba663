# The commands of this project. `make test` is what CI runs.
.PHONY: help build demo test bless lint doc tools fuzz kill9 bench bench-doc compare install

CARGO ?= cargo
PREFIX ?= /usr/local

help: ## This list
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:[^#]*## /\t/' | expand -t 12

build: ## The optimised program, target/release/relaywatch
	$(CARGO) build --release --locked

demo: ## The product at work, with nothing set up
	$(CARGO) run --release --locked -- demo

tools: ## What the tests need: installed by apt when root, else named and stopped
	@tests/tools.sh

test: tools lint doc ## Everything that CI runs
	$(CARGO) test --locked
	dashboards/check/run.sh
	fuzz/smoke.sh

lint: ## Form and lints
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings

doc: ## The API's documentation, without a warning
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --no-deps --lib

bless: ## Rewrites every expected output; look at the difference before you commit it
	RELAYWATCH_BLESS=1 $(CARGO) test --locked

fuzz: ## Each fuzz target for five minutes
	FUZZ_SECONDS=300 fuzz/smoke.sh

kill9: ## The program killed 200 times under load; nothing that it acknowledged may be lost
	RELAYWATCH_KILL_ROUNDS=200 $(CARGO) test --release --locked --test evidence_kill -- --nocapture --test-threads=1

bench: build ## Every measurement of docs/performance.md
	$(CARGO) bench --locked
	benches/postfix.sh

bench-doc: ## Measures anew all figures of docs/performance.md, in place; on a quiet machine, as root
	benches/tables.sh --write

compare: ## Our reader of Received against others, into docs/received.md; SHAPES=FILE.tsv.gz adds real lines
	$(CARGO) build --locked --bin relaywatch --example compare-mail-parser
	tests/compare/run.py --markdown | benches/tables.py write docs/received.md compare:labelled
	tests/compare/run.py --markdown --attacks | benches/tables.py write docs/received.md compare:attacks
ifneq ($(SHAPES),)
	tests/compare/run.py --markdown --shapes $(SHAPES) | benches/tables.py write docs/received.md compare:shapes
endif

install: build ## Program, man pages and unit files under PREFIX
	install -D -m 755 target/release/relaywatch $(DESTDIR)$(PREFIX)/bin/relaywatch
	install -d $(DESTDIR)$(PREFIX)/share/man/man1
	target/release/relaywatch man $(DESTDIR)$(PREFIX)/share/man/man1
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/lib/systemd/system deploy/relaywatch.service deploy/relaywatch.socket
	sed -i 's#/usr/bin/relaywatch#$(PREFIX)/bin/relaywatch#' $(DESTDIR)$(PREFIX)/lib/systemd/system/relaywatch.service
