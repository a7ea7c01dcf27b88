# What people type. Everything that a target needs beyond Rust, Java and Maven it installs or names.
.PHONY: quickstart test full-state chaos faults planted fuzz interop interop-standard interop-partner clients failover procedures faults-clients switches isolation encryption schemas quotas logins conformance integrations bench lint advisories fix schema kafka

CARGO ?= cargo
KAFKA := tests/kafka/kafka.sh

# The whole walkthrough on two real Kafka clusters, kept running until Ctrl-C. ARGS="--backend host:port" uses yours.
quickstart:
	$(CARGO) run --release --quiet -- quickstart $(ARGS)

# All tests, those on real Kafka and a short fault run too. ARGS="--test kafka" picks some.
test: kafka
ifeq ($(ARGS),)
	tests/run.sh
else
	$(CARGO) test --workspace --locked $(ARGS)
endif

# Three nodes with a replicated state that is as large as it may be: restarts, snapshots, a node without its disk.
full-state:
	CARGO_PROFILE_TEST_OPT_LEVEL=2 CARGO_PROFILE_DEV_OPT_LEVEL=2 CARGO_TARGET_DIR=$(or $(CARGO_TARGET_DIR),target)/full-state \
	    $(CARGO) test --locked -p klamm-raft --test nodes -- --ignored full::

# Kills and pauses nodes of a cluster under load for a minute. ARGS="--seconds 600 --seed 7" for longer, or again.
chaos:
	$(CARGO) build --workspace --locked
	$(CARGO) run --quiet --locked -p klamm-chaos -- $(or $(ARGS),--seconds 60)

# Rights that come and go while nodes are stopped, cut off, killed, restarted, without their disks and with clocks that run
# wrong, a minute for each kind. ARGS="600 7" for ten minutes each, from the seed 7.
faults:
	chaos/planted.sh build
	$(CARGO) build --workspace --locked
	chaos/faults.sh $(ARGS)

# Nodes that make a mistake on purpose, each under the fault that shows it: every one must be found. About twelve
# minutes. ARGS="60 7" for a minute each, from the seed 7.
planted:
	chaos/planted.sh build
	$(CARGO) build --workspace --locked
	chaos/planted.sh $(ARGS)

# Mutated input for everything that reads bytes from outside. ARGS="--seconds 600 --seed 7" for longer, or again.
fuzz:
	set -- $(ARGS); while [ $$# -gt 1 ]; do case $$1 in \
	  --seconds) export KLAMM_FUZZ_SECONDS=$$2;; --seed) export KLAMM_FUZZ_SEED=$$2;; \
	  *) echo "make fuzz knows --seconds and --seed, not $$1"; exit 2;; esac; shift 2; done; \
	$(CARGO) test --locked --test fuzz -- --nocapture && \
	$(CARGO) test --locked --workspace --lib -- --nocapture fuzz_

# Apache Kafka's own tests of authorization against a gateway, six to nine minutes: through `passthrough`, through a
# Standard virtual cluster that hides a prefix, and through a Partner over two Kafka clusters. ARGS="testProduce.*" picks
# cases.
interop:
	$(CARGO) build --locked
	tests/interop/interop.sh $(or $(CARGO_TARGET_DIR),target)/debug/klamm $(if $(ARGS),'$(ARGS)')

interop-standard:
	$(CARGO) build --locked
	tests/interop/interop.sh $(or $(CARGO_TARGET_DIR),target)/debug/klamm --standard $(if $(ARGS),'$(ARGS)')

interop-partner:
	$(CARGO) build --locked
	tests/interop/interop.sh $(or $(CARGO_TARGET_DIR),target)/debug/klamm --partner $(if $(ARGS),'$(ARGS)')

# Stock clients and command line tools of several languages through the gateway, and at a broker: docs/CLIENTS.md.
# ARGS="sarama,kafkajs" picks clients, ARGS=filters or ARGS="filters sarama,kafkajs" those of filtered topics alone.
clients: kafka
	KLAMM_CLIENTS=$(or $(filter-out filters,$(ARGS)),all) $(CARGO) test --locked --test kafka -- --nocapture --test-threads=1 \
	  clients::$(if $(filter filters,$(ARGS)),filters::)

# Stock clients as two tenants at once with the same names on one Kafka cluster, in every combination of types, compared
# with two Kafka clusters of their own. ARGS="sarama,kafkajs" picks clients.
isolation: kafka
	KLAMM_ISOLATION=$(or $(ARGS),all) $(CARGO) test --locked --test kafka -- --nocapture --test-threads=1 \
	  clients::pairs:: isolation::

# Clients at their default settings whose node, and then whose broker, is killed ten times: how long each hears nothing, in
# minutes. ARGS=30 for as many kills.
failover: kafka
	KLAMM_KILLS=$(or $(ARGS),10) $(CARGO) test --locked --test kafka -- --ignored --nocapture clients_go_on_when

# The same clients while nodes join, vote, are restarted, replaced and removed: how long that takes, in five minutes.
procedures: kafka
	$(CARGO) test --locked --test kafka -- --ignored --nocapture clients_go_on_while

# The same clients through every fault of `make faults`, a minute for each. ARGS="90 one-way drain" for other times and faults.
faults-clients: kafka
	chaos/planted.sh build
	$(CARGO) build --workspace --locked
	KLAMM_FAULTS='$(ARGS)' $(CARGO) test --locked --test kafka -- --ignored --nocapture clients_go_on_through

# Transactions of stock clients, and a group that brokers assign, while requests are switched to another Kafka cluster and back, and from
# a dead one: docs/OPERATIONS.md. Two minutes.
switches: kafka
	$(CARGO) test --locked --test kafka -- --ignored --nocapture transactions_go_on_after

# Encrypted records that a log cleaner compacts, and that are copied in transactions while a broker is killed; and keys of AWS
# KMS, for which moto stands in: docs/POLICIES.md.
encryption: kafka
	tests/kafka/encryption/moto.sh install
	$(CARGO) test --locked --test kafka -- --ignored --nocapture encryption::

# Schemas by Apicurio Registry, with Confluent's serializers: docs/POLICIES.md.
schemas: kafka
	tests/kafka/schemas/apicurio.sh install
	$(CARGO) test --locked --test kafka -- --ignored --nocapture schemas::

# A quota that three nodes share, while all connections are on one of them: docs/QUOTAS.md.
quotas: kafka
	$(CARGO) test --locked --test kafka -- --ignored --nocapture quotas::

# Stock clients by every way to log in, and refused: docs/CLIENTS.md. ARGS="franz-go,librdkafka" picks clients.
logins: kafka
	KLAMM_LOGINS=$(or $(ARGS),all) $(CARGO) test --locked --test kafka -- --nocapture logins::

# Other people's programs that use the admin API, which you build from their source, before real Kafka: docs/ADMIN-API.md.
# CTL=path is the command line, TERRAFORM=path and PROVIDER=path are Terraform or OpenTofu and the provider, KONG=path is
# built of tests/conformance/kong: docs/EVENT-GATEWAYS.md.
conformance: kafka
	@test -n "$(CTL)$(TERRAFORM)$(KONG)" || { echo 'make conformance needs CTL=path, KONG=path, or TERRAFORM=path and PROVIDER=path'; exit 2; }
	KLAMM_CTL='$(abspath $(CTL))' KLAMM_TERRAFORM='$(abspath $(TERRAFORM))' KLAMM_PROVIDER='$(abspath $(PROVIDER))' \
	KLAMM_KONG='$(abspath $(KONG))' \
	  $(CARGO) test --locked --test kafka -- --nocapture --test-threads=1 \
	  $(if $(CTL),conformance::ctl::) $(if $(TERRAFORM),conformance::terraform::) $(if $(KONG),conformance::kong::)

# Kafka Connect and MirrorMaker 2 through virtual clusters, with kills of the gateway: docs/INTEGRATIONS.md.
# ARGS="connect-partner,mirror-into-standard" picks some.
integrations: kafka
	KLAMM_INTEGRATIONS=$(or $(ARGS),all) $(CARGO) test --locked --test kafka -- --nocapture integrations::

# Broker, bare relay, HAProxy when installed, and gateway in one run; then the authorizer alone. ARGS="tenants" for one tenant
# beside a thousand others, ARGS="logins" for logins, idle sessions and a storm of bad logins, ARGS="hostile" for attacks,
# ARGS="policies" for policies, ARGS="leases" for one node and three: docs/BENCHMARKS.md.
bench: kafka
	$(CARGO) bench --bench gateway -- $(ARGS)
	$(if $(ARGS),,$(CARGO) bench --bench authorizer)

lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	@if $(CARGO) deny --version >/dev/null 2>&1; then \
	  $(CARGO) deny --offline check bans licenses sources; \
	else \
	  echo "cargo-deny is missing: dependencies are not checked; install it with: cargo install --locked cargo-deny"; \
	fi
	@tests/advisories.sh --at-hand

# Known vulnerabilities and unmaintained crates among the dependencies. DB=path is a clone of the advisory database of
# RustSec; without it cargo-deny fetches its own.
advisories:
	$(CARGO) test --quiet --locked --test tidy -- exceptions_
	tests/advisories.sh $(DB)

fix:
	$(CARGO) clippy --workspace --all-targets --fix --allow-dirty --allow-staged
	$(CARGO) fmt --all

# Rewrites the schema table of the wire engine from the message definitions of kafka-clients.
schema: kafka
	KLAMM_BLESS=1 $(CARGO) test --test schema

# Apache Kafka from Maven Central and kcat, once.
kafka:
	@$(KAFKA) install
	@$(KAFKA) kcat -V >/dev/null
