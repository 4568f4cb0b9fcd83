# One word a task; each says what it does. `make demo` is the place to start.
SHELL := /bin/bash
PREFIX ?= /usr/local
DESTDIR ?=
# npm brings the Node that everything here runs on; whatever Node the machine has only runs npm.
NODE := node_modules/.bin/node

.PHONY: help demo test test-matrix test-kernel install uninstall dist bench fuzz clean packages images cluster-binaries test-cluster

help:
	@echo 'make demo     build the demo server, trace it live, show the rows, clean up (root)'
	@echo 'make test     all checks and tests (root)'
	@echo 'make test-matrix  values against every Go version and build flag, and in real servers (MATRIX=servers); what it takes: time (root)'
	@echo 'make test-kernel KERNEL=6.1  the story on a kernel of Debian'"'"'s, in a virtual machine without hardware to speed it up (TEST=test/….test.ts; root)'
	@echo 'make install  put px into $$PREFIX/bin (PREFIX=$(PREFIX))'
	@echo 'make dist     dist/px: a single executable that needs nothing else, to bring to another host'
	@echo 'make bench    measure; results on standard output (root)'
	@echo 'make fuzz     run every fuzz target for a while (SECONDS_EACH=30)'
	@echo 'make images   the images of Sonde and its demo as OCI archives in dist/, without a container engine'
	@echo 'make test-cluster  the story in a real Kubernetes cluster on this machine (root; builds its binaries first)'
	@echo 'make cluster-binaries  build Kubernetes and etcd into a cache, for the tests against them (once, 10 to 30 minutes)'
	@echo 'make clean    remove what the tasks above have left in this folder'

demo:
	@bash tools/demo.sh

packages:
	@bash tools/packages.sh

test: packages
	@bash tools/go.sh
	@PATH="$(CURDIR)/node_modules/.bin:$$PATH" $(NODE) tools/test.ts

test-matrix: packages
	@bash tools/go.sh
	@PATH="$(CURDIR)/node_modules/.bin:$$PATH" vitest run --config test/matrix/config.ts $(MATRIX)

test-kernel: packages
	@bash tools/go.sh
	@bash tools/test-kernel.sh $(KERNEL) $(TEST)

dist: packages
	@bash tools/go.sh
	@$(NODE) --disable-warning=ExperimentalWarning tools/dist/build.ts

bench: packages
	@bash tools/go.sh
	@$(NODE) bench/run.ts $(BENCH)

fuzz: packages
	@bash tools/go.sh
	@$(NODE) tools/fuzz.ts $(or $(SECONDS_EACH),30) $(TARGET)

cluster-binaries: packages
	@bash tools/go.sh
	@nice -n 10 $(NODE) testing/cluster/build.ts

test-cluster: cluster-binaries
	@PATH="$(CURDIR)/node_modules/.bin:$$PATH" $(NODE) tools/test.ts cluster pods

images: packages
	@bash tools/go.sh
	@$(NODE) tools/images.ts

install:
	@bash tools/install.sh '$(DESTDIR)$(PREFIX)'

uninstall:
	rm -f '$(DESTDIR)$(PREFIX)/bin/px' '$(DESTDIR)$(PREFIX)/share/man/man1/px.1' \
	  '$(DESTDIR)$(PREFIX)/share/bash-completion/completions/px' '$(DESTDIR)$(PREFIX)/share/zsh/site-functions/_px' \
	  '$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/px.fish'
	@# An agent that is just ending may still write its compile cache there.
	rm -rf '$(DESTDIR)$(PREFIX)/lib/sonde' || { sleep 1; rm -rf '$(DESTDIR)$(PREFIX)/lib/sonde'; }

clean:
	rm -rf .cache coverage dist
