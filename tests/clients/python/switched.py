"""A transactional producer and a group of one consumer of librdkafka that reads what was committed: it says when each transaction was
committed, or had to be aborted, and when each of its records was read.

switched.py SCENARIO, until the end of its input."""

import itertools
import sys
import threading
import time

from confluent_kafka import Consumer, KafkaException, Producer

RECORDS = 3
PACE_S = 0.01
AGAIN_S = 0.1


def settings(scenario):
    return {
        "bootstrap.servers": scenario["bootstrap"],
        "log_level": 0,
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "PLAIN",
        "sasl.username": scenario["username"],
        "sasl.password": scenario["password"],
        "error_cb": fatal,
    }


def say(what):
    # In one piece, since both threads do.
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


def now():
    return int(time.time() * 1000)


def fatal(error):
    if error.fatal():
        say(f"failed for good: {error}")


def read(scenario, beginning):
    group = {"group.id": f"switched-{scenario['client']}", "auto.offset.reset": "earliest"}
    consumer = Consumer(settings(scenario) | group | {"isolation.level": "read_committed"})
    consumer.subscribe([scenario["topic"]])
    while True:
        message = consumer.poll(0.2)
        if message is None:
            continue
        error = message.error()
        if error is None:
            value = message.value().decode()
            if value.startswith(beginning):
                say(f"read {now()} {value.removeprefix(beginning)}")
        elif error.fatal():
            say(f"failed to read: {error}")


def persist(step):
    while True:
        try:
            return step()
        except KafkaException as failed:
            if not failed.args[0].retriable():
                raise


def write(producer, topic, value):
    producer.begin_transaction()
    for part in range(RECORDS):
        producer.produce(topic, f"{value} {part}")
        producer.flush()
        time.sleep(PACE_S)
    persist(producer.commit_transaction)


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        scenario = dict(line.strip().split("=", 1) for line in file)
    beginning = f"{scenario['client']} "
    threading.Thread(target=read, args=(scenario, beginning), daemon=True).start()
    told = threading.Thread(target=sys.stdin.readline, daemon=True)
    told.start()
    transactions = {
        "transactional.id": f"switched-{scenario['client']}",
        "transaction.timeout.ms": scenario["timeout"],
    }
    producer = Producer(settings(scenario) | transactions)
    persist(producer.init_transactions)
    for number in itertools.count():
        if not told.is_alive():
            break
        try:
            write(producer, scenario["topic"], f"{beginning}{number}")
            say(f"committed {now()} {number}")
        except KafkaException as failed:
            say(f"aborts {now()} {number} {failed}")
            try:
                persist(producer.abort_transaction)
            except KafkaException as hopeless:
                say(f"failed to abort: {hopeless}")
                sys.exit(1)
            time.sleep(AGAIN_S)


main()
