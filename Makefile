# Needs Go 1.21 or later, make, a C compiler and cargo; everything else comes by itself.
#
#   make demo    the main job on the embedded model; MODEL=folder ADAPTER=folder: on yours
#   make test    every test
#   make build   bin/layerclust; TAGS=xla: with the XLA backend
#   make lint    gofmt, vet, staticcheck
#   make fuzz    each fuzz target for FUZZTIME
#   make bench   the comparison with transformers, written to docs/BENCHMARKS.md
#                (BENCH="layer adapters": these tables alone; 6 GB of disk; scripts/bench)
#   make gobench benchmarks of the packages
#   make xla-plugin  what the XLA backend needs on the CPU; PLUGIN=cuda: on a GPU

# Go 1.27.3 comes through the module proxy, whatever version is installed. Without
# the simd experiment the Go backend falls back to scalar code, 9 to 40 times slower.
export GOTOOLCHAIN    := go1.27.3
export GOEXPERIMENT   := simd
export GOAMD64        := v1
export CGO_ENABLED    := 1

VERSION  := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS  := -X main.version=$(VERSION)
FUZZTIME ?= 30s
TAGS     ?=

.PHONY: build test demo train-demo bench gobench fuzz lint clean xla-plugin

build:
	@lib=$$(scripts/libtokenizers.sh) && CGO_LDFLAGS="-L$$lib" go build -tags "$(TAGS)" -ldflags "$(LDFLAGS)" -o bin/layerclust ./cmd/layerclust

test:
	@lib=$$(scripts/libtokenizers.sh) && CGO_LDFLAGS="-L$$lib" go test -tags "$(TAGS)" ./...

# The main job: on the model inside the program, or on one of yours.
PROMPT ?= Once upon a time there was a little girl who had a red ball. One day she lost it in the garden, and she asked the old dog if he had seen it. The dog had not, but he knew who had. Together they went to the tall tree, where a bird sat on her nest, and under the nest lay the red ball.
OUT    ?= demo-out
demo: build
ifdef MODEL
	bin/layerclust run "$(MODEL)" $(if $(ADAPTER),--adapter "$(ADAPTER)") --prompt "$(PROMPT)" --out "$(OUT)" --fresh
else
	bin/layerclust demo --out "$(OUT)" --fresh
endif

# The embedded model and its adapters from nothing, about half an hour.
train-demo:
	@lib=$$(scripts/libtokenizers.sh) && CGO_LDFLAGS="-L$$lib" go run ./internal/tinytext/train --out internal/tinytext/model

# Ours and transformers + PEFT in turn, about an hour. BENCH_FULL=1: a whole 7B
# model as well, 13.5 GB more. PEER_PYTHON: a Python with torch, transformers, peft.
BENCH        ?=
BENCH_FULL   ?=
BENCH_ROUNDS ?= 3
bench: build
	@lib=$$(scripts/libtokenizers.sh) && CGO_LDFLAGS="-L$$lib" go build -tags "$(TAGS)" -o bin/forward ./internal/forward
	python3 scripts/bench --rounds $(BENCH_ROUNDS) $(if $(BENCH_FULL),--full) $(BENCH)

gobench:
	@lib=$$(scripts/libtokenizers.sh) && CGO_LDFLAGS="-L$$lib" go test -run '^$$' -bench . -benchmem ./...

# go test fuzzes one target of one package at a time.
fuzz:
	@lib=$$(scripts/libtokenizers.sh); \
	grep -rl --include='*_test.go' '^func Fuzz' . | sort | while read -r file; do \
		for target in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\).*/\1/p' "$$file"); do \
			echo "$$target in $$(dirname "$$file")"; \
			CGO_LDFLAGS="-L$$lib" go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$(dirname "$$file")" || exit 1; \
		done; \
	done

lint:
	@test -z "$$(gofmt -l .)" || { echo "gofmt would change:"; gofmt -l .; exit 1; }
	@lib=$$(scripts/libtokenizers.sh) && export CGO_LDFLAGS="-L$$lib" && go vet ./... && go vet -tags xla ./extract ./internal/xlaplugin && \
		go run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...

# Downloads a release of github.com/gomlx/pjrt-cpu-binaries or, for cuda, JAX's plugin and NVIDIA's libraries from PyPI.
PLUGIN ?= cpu
xla-plugin:
	go run -tags xla ./internal/xlaplugin $(PLUGIN)

clean:
	rm -rf bin demo-out
