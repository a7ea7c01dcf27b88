"""What the Python programs of logins share: what a login is, and how it is told what came of it. It knows no client."""

import json
import logging
import socket
import ssl
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

# How long one login may take, with what is done then; how many are tried at once; and between records of one that goes on.
LIMIT_SECONDS = 60
AT_ONCE = 16
PAUSE_SECONDS = 0.25


class Refused(Exception):
    """The client says that the login was refused."""

    kind = "refused"


class NoTls(Exception):
    """The client says that there is no TLS with the other side."""

    kind = "tls"


class Closed(Exception):
    """The client says nothing but that the other side hung up."""

    kind = "closed"


class Complaints(logging.Handler):
    """What a client only logs: the last thing that says more than that there is no connection, for each thread."""

    def __init__(self, logger, kind_of):
        super().__init__(logging.DEBUG)
        self.kind_of = kind_of
        self.own = threading.local()
        logging.getLogger(logger).addHandler(self)
        logging.getLogger(logger).propagate = False

    def emit(self, record):
        for part in record.args if isinstance(record.args, tuple) else ():
            kind = self.kind_of(part)
            if kind and not isinstance(self.last(), (Refused, NoTls)):
                self.own.last = kind(repr(part))

    def last(self):
        return getattr(self.own, "last", None)

    def forget(self):
        self.own.last = None


def resolve_unknown_names(address):
    """For clients that ask the system in Python."""
    ask = socket.getaddrinfo

    def resolve(host, *more, **named):
        try:
            return ask(host, *more, **named)
        except socket.gaierror:
            return ask(address, *more, **named)

    socket.getaddrinfo = resolve


class Login:
    def __init__(self, fields):
        self.id = fields["id"]
        self.bootstrap = fields["bootstrap"]
        self.topic = fields["topic"]
        self.record = fields["record"].encode()
        # Without a mechanism there is no SASL.
        self.mechanism = fields.get("mechanism")
        self.username = fields.get("username")
        self.password = fields.get("password")
        self.token = fields.get("token")
        # Where the provider gives a token for user name and password.
        self.endpoint = fields.get("endpoint")
        # Files in PEM. Without a CA there is no TLS.
        self.ca = fields.get("ca")
        self.certificate = fields.get("certificate")
        self.key = fields.get("key")
        # Where all names lead, if they are nobody else's.
        self.resolve = fields.get("resolve")
        self.seconds = fields.get("seconds", 0)
        self.end = time.monotonic() + LIMIT_SECONDS

    @property
    def protocol(self):
        return ("SASL_" if self.mechanism else "") + ("SSL" if self.ca else "PLAINTEXT")

    def context(self):
        if not self.ca:
            return None
        context = ssl.create_default_context(cafile=self.ca)
        if self.certificate:
            context.load_cert_chain(self.certificate, self.key)
        return context

    def in_time(self):
        if time.monotonic() > self.end:
            raise TimeoutError("nothing is said of the login")
        return True

    def sends(self):
        """Once for every record that is to be produced, at the time when it is."""
        end = time.monotonic() + self.seconds
        yield
        while time.monotonic() < end:
            time.sleep(PAUSE_SECONDS)
            yield


def serve(attempt):
    """Tries every login of the input. What is called gives how many records were produced."""

    def tell(line):
        login = Login(json.loads(line))
        try:
            said = f"ok {attempt(login)}"
        except NotImplementedError as lack:
            said = f"cannot {lack}"
        except Exception as failure:
            said = f"{getattr(failure, 'kind', 'failed')} {' '.join(repr(failure).split())}"
        # In one piece: others speak as well.
        sys.stdout.write(f"{login.id} {said}\n")

    with ThreadPoolExecutor(AT_ONCE) as threads:
        list(threads.map(tell, sys.stdin))
