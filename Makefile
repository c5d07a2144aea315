# Every target stands on `cfs`, the project's console command; `make help` lists them.
.DEFAULT_GOAL := help
SHELL := /bin/sh
CFS := .venv/bin/cfs
PYTEST := .venv/bin/pytest --quiet --durations 10 --durations-min 0.5

# Without bytecode, every process compiles the project and pytest rewrites every test again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help up preview refresh down env test lint workflows types unit e2e rehearse disasters scan boot-test boot-test-vm bench chaos guard-bench guard-faults guard-replay status-pictures figures schedule-year lock clean

help: ## list the targets
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

up: .venv/.ready ## deploy the stack on the emulated account and repository
	@$(CFS) local up

preview: .venv/.ready ## show what `make up` would change
	@$(CFS) local preview

refresh: .venv/.ready ## read into the state what was changed outside Pulumi
	@$(CFS) local refresh

down: .venv/.ready ## destroy everything except protected resources, stop the emulators
	@$(CFS) local down

env: .venv/.ready ## print the variables for plain pulumi, aws, boto3: eval "$(make -s env)"
	@$(CFS) local env

test: .venv/.ready ## all checks and tests
	@$(MAKE) --no-print-directory --jobs 2 lint types unit
	@$(MAKE) --no-print-directory e2e

lint: .venv/.ready workflows ## ruff, its format, the layers of packages, shellcheck, and the workflow files
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@report=$$(.venv/bin/lint-imports layers.ini --no-cache) || { echo "$$report"; exit 1; }
	@git ls-files -z '*.sh' bin toolchain/bin .ci | xargs -0 .venv/bin/shellcheck

workflows: .venv/.ready ## actionlint, shellcheck, zizmor and GitHub's schemas on the workflow files
	@$(CFS) ci lint

types: .venv/.ready ## mypy, strict
	@.venv/bin/mypy

unit: .venv/.ready ## tests without an engine
	@$(PYTEST) tests/unit --numprocesses 2

# One worker more than there are cores: each waits now and then for a process that it has started. tests/e2e/conftest.py
# distributes the tests.
e2e: .venv/.ready ## tests with the real engine and providers against the emulators
	@.venv/bin/python -c 'import toolchain; toolchain.obtain_toolchain()'
	@$(PYTEST) tests/e2e --numprocesses 3

rehearse: .venv/.ready ## rehearse the way to a real account: each job under its own role, IAM enforced (about 13 minutes)
	@$(CFS) rehearse

disasters: .venv/.ready ## cause each disaster of docs/recovery.md on an emulated account, and recover as it says
	@$(CFS) disasters

scan: .venv/.ready ## prowler over what `make up` deployed (about 2 minutes; the first run installs 1.4 GB)
	@$(CFS) scan

boot-test: .venv/.ready ## boot machines in containers, in difficult situations (root, Debian; about 6 minutes)
	@$(CFS) boot-test

boot-test-vm: .venv/.ready ## boot virtual machines with the data source, devices and kernel of EC2 (root, Debian; half an hour)
	@$(CFS) boot-test --guests emulated

bench: .venv/.ready ## how long previews and deployments take, their memory and growth; figures: .venv/bin/cfs bench --json
	@$(CFS) bench

chaos: .venv/.ready ## kill the engine 20 times and watch `up` converge (about 15 minutes)
	@$(CFS) chaos

guard-bench: .venv/.ready ## the cost guard over 1,000 instances: its calls and seconds
	@$(CFS) guard-bench

guard-faults: .venv/.ready ## each call of the cost guard fails in each way (about 3 minutes)
	@$(CFS) guard-faults

guard-replay: .venv/.ready ## a day with a runaway launch under the cost guard; its plot is in docs/cost-guard.md
	@$(CFS) guard-replay --plot docs/guard-replay.svg

status-pictures: .venv/.ready ## the status page of that day in Chromium; its pictures are in docs/observability.md (about 2 minutes)
	@$(CFS) status-pictures

figures: .venv/.ready ## figures of the code: names, duplicates, lines by kind, longest function
	@$(CFS) figures

schedule-year: .venv/.ready ## simulate a year of schedules in three time zones
	@$(CFS) schedule year

lock: .venv/.ready ## resolve requirements.in anew into requirements.txt
	@.venv/bin/uv pip compile --quiet --universal --python-version 3.11 --upgrade --generate-hashes \
		--no-emit-index-url --no-emit-find-links --no-header requirements.in --output-file requirements.txt

clean: ## remove the virtual environment; the local account and the cached toolchain stay
	rm -rf .venv

# A virtual environment contains its own path: one that was copied with the folder runs the original's code.
ifneq ($(shell cat .venv/.ready 2>/dev/null),$(CURDIR))
.PHONY: .venv/.ready
endif
.venv/.ready: requirements.txt pyproject.toml bin/make-venv toolchain/faster_sdk.py
	@bin/make-venv
