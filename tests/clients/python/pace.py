"""A producer and a group of one consumer of librdkafka at their default settings: it says when each record was stored and when
it was read, and its number.

pace.py SCENARIO, until the end of its input."""

import itertools
import sys
import threading
import time

from confluent_kafka import Consumer, KafkaError, Producer

PACE_S = 0.01


def settings(scenario):
    common = {"bootstrap.servers": scenario["bootstrap"], "log_level": 0}
    if scenario["username"]:
        common |= {
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": "PLAIN",
            "sasl.username": scenario["username"],
            "sasl.password": scenario["password"],
        }
    return common


def say(what):
    # In one piece, since both threads do.
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


def now():
    return int(time.time() * 1000)


def fatal(error):
    if error.fatal():
        say(f"failed for good: {error}")


def read(common, topic):
    group = {"group.id": "pace-librdkafka", "auto.offset.reset": "earliest", "error_cb": fatal}
    consumer = Consumer(common | group)
    consumer.subscribe([topic])
    while True:
        message = consumer.poll(0.2)
        if message is None:
            continue
        error = message.error()
        if error is None:
            writer, number = message.value().decode().split()
            if writer == "librdkafka":
                say(f"read {now()} {number}")
        elif error.fatal() or error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
            say(f"failed to read: {error}")


def stored(error, message):
    number = message.value().decode().split()[1]
    say(f"stored {now()} {number}" if error is None else f"failed to write: {error}")


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        scenario = dict(line.strip().split("=", 1) for line in file)
    common = settings(scenario)
    threading.Thread(target=read, args=(common, scenario["topic"]), daemon=True).start()
    told = threading.Thread(target=sys.stdin.readline, daemon=True)
    told.start()
    producer = Producer(common | {"error_cb": fatal})
    for number in itertools.count():
        if not told.is_alive():
            break
        producer.produce(scenario["topic"], f"librdkafka {number}", on_delivery=stored)
        producer.poll(0)
        time.sleep(PACE_S)
    producer.flush()


main()
