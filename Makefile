# What there is to run. Each target says what it is for; CONTRIBUTING.md says when.

.PHONY: build check test test-race test-heavy bench bench-go

build: # one binary, without cgo
	CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o bin/tickmark ./cmd/tickmark

check: # what must hold before a commit, in seconds
	scripts/check

test: # every test, on SQLite and PostgreSQL and in a browser; installs what it needs on Debian
	scripts/test

test-race: # every test again under the race detector; needs a C compiler and patience
	CGO_ENABLED=1 scripts/test -race -timeout 60m ./...

test-heavy: # what is too dear for every run: a million records, killed processes, 100,000 commits
	TICKMARK_TEST_HEAVY=1 scripts/test -timeout 120m ./...
	GOBIN=$(CURDIR)/bin GOFLAGS= go install github.com/versity/versitygw/cmd/versitygw@v1.8.0
	cd interop && TICKMARK_TEST_HEAVY=1 TICKMARK_TEST_VERSITYGW=$(CURDIR)/bin/versitygw go test -timeout 120m -run 'Cloud|Bucket' ./...

bench: # Tickmark beside what else could judge the same records; writes its part of docs/performance.md
	cd bench && CGO_ENABLED=0 go run -mod=mod . -write ../docs/performance.md

bench-go: # the benchmarks beside the code, for the other figures of docs/performance.md
	scripts/test -run '^$$' -bench . -benchmem -timeout 120m ./...
