# Every target is a thin line over the command or an npm script.

MCP_CERT_DAYS     ?= 825
MCP_PLUGIN_CONFIG ?= plugins/external/config.yaml
export MCP_CERT_DAYS MCP_PLUGIN_CONFIG MCP_CERT_KEY MCP_CERT_SANS MCP_CERT_TRUST_DOMAIN PLUGIN_NAME

SALLYPORT := node dist/cli/main.js
INSTALLED := node_modules/.package-lock.json
BUILT     := dist/.built

.DEFAULT_GOAL := help
.PHONY: help demo test test-lts interop quality traces conformance realworld browser build bench soak fuzz clean \
        certs-mcp-all certs-mcp-ca certs-mcp-gateway certs-mcp-plugin certs-mcp-check \
        certs-mcp-renew certs-mcp-revoke certs-mcp-crl certs-mcp-ca-rotate-status \
        certs-mcp-ca-rotate-prepare certs-mcp-ca-rotate-activate certs-mcp-ca-rotate-retire certs-mcp-ca-rotate-undo

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-28s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(BUILT) ## The whole picture: client, gateway, MCP server, plugins behind mutual TLS; and what must fail, failing
	@node scripts/demo.mjs

test: $(BUILT) ## Check format, types, floors, dead code and docs; run every test
	@npm run --silent check
	@npm test --silent

test-lts: $(BUILT) ## What rests on Node's sockets, TLS and HTTP once more, on the newest Node LTS
	@node scripts/on-lts.mjs node_modules/vitest/vitest.mjs run test/tls test/server test/e2e/tls test/e2e/server test/e2e/gateway/ test/e2e/gateway-upstream test/e2e/gateway-downstream test/e2e/doors

interop: $(BUILT) ## The matrix with the Python peers, ContextForge's plugins beside ours, and the projects of plugin authors from the packed tarball: needs Python 3 and both package indexes
	@node interop/run.mjs
	@node interop/filters.mjs
	@node interop/scaffold.mjs

quality: $(BUILT) ## What filters find, miss and cost beside ContextForge's plugins on the same texts: needs Python 3 and PyPI. WRITE=1 puts the tables into docs/filters.md
	@node interop/quality.mjs $(if $(WRITE),--write)

traces: $(BUILT) ## One trace over all programs, at the receiver of the OpenTelemetry Collector: needs Go and its module proxy
	@node interop/traces.mjs

conformance: $(BUILT) ## The MCP conformance suite, straight at a server and through the gateway
	@node conformance/run.mjs

realworld: $(BUILT) ## Real MCP servers and clients, directly and through the gateway: by hand, an hour; needs Go, Python 3, pandoc, Chromium and the package indexes
	@node realworld/run.mjs --report .cache/realworld/report.md

browser: $(BUILT) ## In a real Chromium: clients, with the TypeScript SDK in a page; and the page of the console. Needs chromium
	@node browser/run.mjs
	@node browser/console.mjs
	@node browser/approvals.mjs

build: $(BUILT) ## Install and compile

bench: $(BUILT) ## Measure a hook call over mutual TLS beside its floor
	@node bench/run.mjs

soak: $(BUILT) ## Rotation, broken networks, floods and restarts under load for five minutes: SECONDS=3600 for longer, ONLY=chaos, SEED=1
	@ulimit -n $$(ulimit -Hn); node soak/run.mjs --seconds $(or $(SECONDS),300) $(if $(ONLY),--only $(ONLY)) $(if $(SEED),--seed $(SEED))

fuzz: $(BUILT) ## What a hostile peer could send, made up for a minute: SECONDS=600 for longer, ONLY=yaml,reply, SEED=1
	@node fuzz/run.mjs --seconds $(or $(SECONDS),60) $(if $(ONLY),--only $(ONLY)) $(if $(SEED),--seed $(SEED))

clean: ## Delete what was built and installed; certificates stay
	rm -rf dist node_modules .cache

certs-mcp-all: $(BUILT) ## CA, gateway certificate, and one for every external plugin of MCP_PLUGIN_CONFIG
	@$(SALLYPORT) certs all

certs-mcp-ca: $(BUILT) ## Certificate authority
	@$(SALLYPORT) certs ca

certs-mcp-gateway: $(BUILT) ## Client certificate of the gateway
	@$(SALLYPORT) certs gateway

certs-mcp-plugin: $(BUILT) ## Server certificate of one plugin: PLUGIN_NAME=MyPlugin
	@$(SALLYPORT) certs plugin

certs-mcp-check: $(BUILT) ## When each certificate ends, and a verdict
	@$(SALLYPORT) certs check

# What replaces a certificate keeps its days, unless MCP_CERT_DAYS was given: the default above is for new ones.
AS_BEFORE = $(if $(filter file,$(origin MCP_CERT_DAYS)),MCP_CERT_DAYS=)

certs-mcp-renew: $(BUILT) ## Renew what is due, or one: PLUGIN_NAME=MyPlugin (or gateway)
	@$(AS_BEFORE) $(SALLYPORT) certs renew $${PLUGIN_NAME:+"$$PLUGIN_NAME"}

certs-mcp-revoke: $(BUILT) ## Revoke a certificate: PLUGIN_NAME=MyPlugin (or gateway)
	@$(SALLYPORT) certs revoke

certs-mcp-crl: $(BUILT) ## Keep the revocation list alive, and bring it to every folder
	@$(SALLYPORT) certs crl

certs-mcp-ca-rotate-status: $(BUILT) ## Where the replacement of the CA stands
	@$(SALLYPORT) certs ca-rotate status

certs-mcp-ca-rotate-prepare: $(BUILT) ## Replace the CA, 1: a second one, which everyone trusts
	@$(AS_BEFORE) $(SALLYPORT) certs ca-rotate prepare

certs-mcp-ca-rotate-activate: $(BUILT) ## Replace the CA, 2: the second one issues, everything anew
	@$(AS_BEFORE) $(SALLYPORT) certs ca-rotate activate

certs-mcp-ca-rotate-retire: $(BUILT) ## Replace the CA, 3: nobody trusts the first one any more
	@$(SALLYPORT) certs ca-rotate retire

certs-mcp-ca-rotate-undo: $(BUILT) ## Take step 2 back, or step 1
	@$(AS_BEFORE) $(SALLYPORT) certs ca-rotate undo

$(INSTALLED): package.json package-lock.json
	@npm ci --no-audit --no-fund --loglevel=error
	@touch $@

# Types are checked by `npm run build`, and first of all by `make test`: here they would take as long again.
$(BUILT): $(INSTALLED) tsconfig.json tsconfig.build.json $(shell find src -type f)
	@rm -rf dist
	@npm run --silent build -- --noCheck
	@touch $@
