"""What the Python programs share: the scenario, how a step is told, what is written. It knows no client."""

import os
import sys

COUNT = 20
CODECS = ("gzip", "snappy", "lz4", "zstd")
LIMIT_SECONDS = 25


class Scenario:
    def __init__(self):
        with open(sys.argv[1], encoding="utf-8") as file:
            for line in file:
                name, value = line.rstrip("\n").split("=", 1)
                setattr(self, name.replace(".", "_"), value)
        self.following = [line.split(":") for line in getattr(self, "follow", "").split(",") if line]
        self.orders = f"{self.prefix}-orders"
        self.copies = f"{self.prefix}-copies"
        self.closed = f"{self.prefix}-closed"
        # The values that went well, of all codecs.
        self.written = set()

    def login(self, user, token, **more):
        """Settings, as kafka-python and aiokafka call them."""
        return {
            "bootstrap_servers": self.bootstrap,
            "security_protocol": "SASL_PLAINTEXT",
            "sasl_mechanism": "PLAIN",
            "sasl_plain_username": user,
            "sasl_plain_password": token,
            **more,
        }

    def own(self, **more):
        return self.login(self.username, self.password, **more)

    def records(self, codec):
        """Key, value and header of each record."""
        return [(f"{codec}-key-{n}", f"{codec}-{n}", ("codec", codec.encode())) for n in range(COUNT)]

    def wrote(self, codec):
        self.written.update(value for _, value, _ in self.records(codec))


def say(line):
    # In one piece, as threads may speak at once.
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def ok(name):
    say(f"ok {name}")


def failed(name, failure):
    text = " ".join(repr(failure).split())
    say(f"failed {name}: {text}")


def cannot(name, why):
    say(f"cannot {name}: {why}")


def got(group, value):
    say(f"got {group} {value.decode()}")


def stay():
    """Waits until there is no input any more, and ends at once, whatever other threads do."""
    sys.stdin.read()
    os._exit(0)


def please(what):
    say(f"please {what}")
    sys.stdin.readline()


def check(holds, shown):
    if not holds:
        raise AssertionError(f"not as expected: {shown}")


def check_record(key, value, headers):
    codec = value.rsplit("-", 1)[0]
    check(key.startswith(f"{codec}-key-"), (key, value))
    check(dict(headers or []).get("codec") == codec.encode(), (value, headers))
