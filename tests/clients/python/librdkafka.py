"""librdkafka, by way of confluent-kafka, does the steps of steps.txt, or follows or writes topics if the scenario says so."""

import sys
import threading
import time

from confluent_kafka import (
    Consumer,
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    Producer,
    ShareConsumer,
    TopicPartition,
)
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ConfigResource,
    NewTopic,
    OffsetSpec,
    ResourcePatternType,
    ResourceType,
)

import steps
from steps import CODECS, LIMIT_SECONDS, Scenario, check

scenario = Scenario()


def login(user, token, **more):
    """Settings; a dot in a name is written as a line below."""
    callbacks = {name: more.pop(name) for name in list(more) if callable(more[name])}
    return {
        "bootstrap.servers": scenario.bootstrap,
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "PLAIN",
        "sasl.username": user,
        "sasl.password": token,
        "log_level": 0,
        **{name.replace("_", "."): value for name, value in more.items()},
        **callbacks,
    }


def own(**more):
    return login(scenario.username, scenario.password, **more)


# One for all steps: what it has not answered is lost when it is collected.
admin = AdminClient(own())


def step(name, run):
    try:
        run()
        steps.ok(name)
    except Exception as failure:
        steps.failed(name, failure)


def code(call):
    """The error code that a call fails with."""
    try:
        value = call()
    except KafkaException as failure:
        return failure.args[0].code()
    raise AssertionError(f"no error but {value!r}")


def try_login():
    check(admin.list_topics(timeout=10).brokers, "no broker")
    errors = []
    wrong = AdminClient(login(scenario.username, "wrong", error_cb=lambda error: errors.append(error.code())))
    end = time.monotonic() + LIMIT_SECONDS
    while KafkaError._AUTHENTICATION not in errors and time.monotonic() < end:
        wrong.poll(0.1)
    check(KafkaError._AUTHENTICATION in errors, errors)


def metadata():
    topics = admin.list_topics(timeout=10).topics
    check(set(topics) == {scenario.orders, scenario.copies}, set(topics))
    check(all(len(topic.partitions) == 2 for topic in topics.values()), topics)


def create():
    future = admin.create_topics([NewTopic(f"{scenario.prefix}-created", 1, 1)])
    failure = code(list(future.values())[0].result)
    check(failure in (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.POLICY_VIOLATION), failure)


class Sender:
    """A producer that remembers what became of its records."""

    def __init__(self, **more):
        self.errors = []
        self.producer = Producer(own(linger_ms=50, **more))

    def send(self, topic, value, key=None, headers=None):
        self.producer.produce(topic, value, key, headers=headers, on_delivery=lambda error, _: self.errors.append(error))

    def results(self):
        check(self.producer.flush(LIMIT_SECONDS) == 0, "not all was sent")
        results, self.errors = self.errors, []
        return [error.code() if error else None for error in results]


def produce(codec, compression, idempotent):
    sender = Sender(compression_type=compression, enable_idempotence=idempotent)
    for key, value, header in scenario.records(codec):
        sender.send(scenario.orders, value, key, [header])
    results = sender.results()
    check(set(results) == {None}, results)
    scenario.wrote(codec)


def consumer(group, **more):
    settings = own(group_id=group, auto_offset_reset="earliest", enable_auto_commit=False, **more)
    return Consumer(settings)


def read(one, count):
    """Reads so many records, and a little longer for what must not come."""
    records, end = [], time.monotonic() + LIMIT_SECONDS
    while len(records) < count and time.monotonic() < end:
        records += taken(one.consume(100, 0.2))
    return records + taken(one.consume(100, 0.3))


def taken(messages):
    for message in messages:
        if message.error():
            raise KafkaException(message.error())
    return messages


def text(message):
    return message.value().decode()


def group(first, second, name, protocol):
    name, rest = f"{scenario.prefix}-app-{name}", set(scenario.written)

    def consume():
        one = consumer(name, group_protocol=protocol)
        one.subscribe([scenario.orders])
        records = read(one, len(scenario.written))
        check(sorted(map(text, records)) == sorted(scenario.written), len(records))
        for record in records:
            steps.check_record(record.key().decode(), text(record), record.headers())
        half = {at.partition: at.offset // 2 for at in one.position(one.assignment())}
        one.commit(offsets=[TopicPartition(scenario.orders, p, o) for p, o in half.items()], asynchronous=False)
        rest.difference_update(text(record) for record in records if record.offset() < half[record.partition()])
        one.close()

    def resume():
        one = consumer(name, group_protocol=protocol)
        one.subscribe([scenario.orders])
        records = read(one, len(rest))
        check(sorted(map(text, records)) == sorted(rest), f"{len(records)} of {len(rest)}")
        one.commit(asynchronous=False)
        one.close()

    step(first, consume)
    step(second, resume)


def share():
    values, end = [], time.monotonic() + LIMIT_SECONDS
    name = f"{scenario.prefix}-app-share"
    with ShareConsumer(own(group_id=name, share_acknowledgement_mode="explicit")) as one:
        one.subscribe([scenario.orders])
        while len(values) < len(scenario.written) and time.monotonic() < end:
            for message in taken(one.poll(0.3)):
                values.append(text(message))
                one.acknowledge(message)
            check(not any(one.commit_sync(10.0).values()), "an acknowledgement failed")
    check(sorted(values) == sorted(scenario.written), len(values))


def transaction():
    name = f"{scenario.prefix}-app-copier"
    one, sender = consumer(name), Sender(transactional_id=name)
    sender.producer.init_transactions(LIMIT_SECONDS)
    one.subscribe([scenario.orders])
    copied, aborted, end = 0, False, time.monotonic() + LIMIT_SECONDS
    while copied < len(scenario.written) and time.monotonic() < end:
        records = taken(one.consume(50, 0.3))
        if not records:
            continue
        sender.producer.begin_transaction()
        for record in records:
            sender.send(scenario.copies, text(record).upper(), record.key())
        where = one.position(one.assignment())
        sender.producer.send_offsets_to_transaction(where, one.consumer_group_metadata(), LIMIT_SECONDS)
        if aborted:
            sender.producer.commit_transaction(LIMIT_SECONDS)
            copied += len(records)
        else:
            sender.producer.abort_transaction(LIMIT_SECONDS)
            for at in where:
                one.seek(TopicPartition(at.topic, at.partition, 0))
            aborted = True
    one.close()
    check(copied == len(scenario.written), copied)


def cluster():
    described = admin.describe_cluster().result()
    check(len(described.nodes) == int(scenario.brokers) and described.cluster_id, described.nodes)


def offsets():
    def total(spec):
        asked = {TopicPartition(scenario.orders, partition): spec for partition in range(2)}
        return sum(future.result().offset for future in admin.list_offsets(asked).values())

    written = total(OffsetSpec.latest()) - total(OffsetSpec.earliest())
    check(written == len(scenario.written), written)


def configs():
    futures = admin.describe_configs([ConfigResource(ConfigResource.Type.TOPIC, scenario.orders)])
    policy = list(futures.values())[0].result()["cleanup.policy"].value
    check(policy == "delete", policy)


def groups():
    name = f"{scenario.prefix}-app-classic"
    listed = [one.group_id for one in admin.list_consumer_groups().result().valid]
    check(name in listed, listed)
    check(admin.describe_consumer_groups([name])[name].result().group_id == name, name)
    future = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(name)])[name]
    total = sum(at.offset for at in future.result().topic_partitions)
    check(total == len(scenario.written), total)


def acls():
    one = AdminClient(login(scenario.super_username, scenario.super_password))
    words = (
        ResourceType.TOPIC,
        f"{scenario.prefix}-else",
        ResourcePatternType.LITERAL,
        "User:nobody",
        "*",
        AclOperation.READ,
        AclPermissionType.ALLOW,
    )
    binding = AclBinding(*words)
    one.create_acls([binding])[binding].result()
    same = AclBindingFilter(*words)
    check(len(one.describe_acls(same).result()) == 1, "described")
    check(len(one.delete_acls([same])[same].result()) == 1, "deleted")
    check(not one.describe_acls(same).result(), "gone")


def denied_write():
    sender = Sender(topic_metadata_refresh_interval_ms=500)

    def sent():
        try:
            sender.send(scenario.closed, "granted", "key")
        except KafkaException as refused:
            # What the client was told of the topic holds until it asks again.
            return refused.args[0].code()
        return sender.results()[0]

    def denied():
        result = sent()
        check(result == KafkaError.TOPIC_AUTHORIZATION_FAILED, result)

    step("denied-write", denied)
    steps.please("grant-write")

    def granted():
        end = time.monotonic() + LIMIT_SECONDS
        result = sent()
        while result == KafkaError.TOPIC_AUTHORIZATION_FAILED and time.monotonic() < end:
            time.sleep(0.2)
            sender.producer.poll(0)
            result = sent()
        check(result is None, result)

    step("granted-write", granted)


def denied_group():
    one = consumer(scenario.closed)
    one.subscribe([scenario.orders])

    def denied():
        failure = code(lambda: read(one, 1))
        check(failure == KafkaError.GROUP_AUTHORIZATION_FAILED, failure)

    step("denied-group", denied)
    steps.please("grant-group")

    def granted():
        records = []
        end = time.monotonic() + LIMIT_SECONDS
        while len(records) < len(scenario.written) and time.monotonic() < end:
            # Refusals from before the grant may still wait.
            records += [record for record in one.consume(100, 0.2) if not record.error()]
        check(len(records) == len(scenario.written), len(records))

    step("granted-group", granted)
    one.close()


def follower(topic, isolation, protocol, name):
    """A member of a group, and how records are taken from it."""
    settings = {"group_id": name, "fetch_message_max_bytes": int(scenario.fetch_bytes)}
    if protocol == "share":
        one = ShareConsumer(own(**settings))
        return one, lambda: one.poll(0.3)
    settings |= {"auto_offset_reset": "earliest", "auto_commit_interval_ms": int(scenario.commit_ms)}
    one = Consumer(own(isolation_level=isolation, group_protocol=protocol, **settings))
    return one, lambda: one.consume(100, 0.2)


def follow(topic, isolation, protocol, name):
    try:
        one, take = follower(topic, isolation, protocol, name)
        one.subscribe([topic])
        while True:
            for message in taken(take()):
                steps.got(name, message.value())
    except Exception as failure:
        steps.failed(name, failure)


HEADERS = [("twice", b"a"), ("secret", b"x"), ("marked", b"forged"), ("twice", b"b")]
PACE_SECONDS = 0.02
finished = threading.Event()


class Writer:
    """A producer that says what is stored and what is refused."""

    def __init__(self, topic, **more):
        self.topic, self.refused = topic, set()
        self.producer = Producer(own(linger_ms=5, **more))

    def send(self, key, told):
        self.producer.produce(self.topic, "value", key, headers=HEADERS, on_delivery=lambda error, _: told(key, error))
        self.producer.poll(0)
        time.sleep(PACE_SECONDS)

    def tell(self, key, error):
        steps.say(f"failed {key}: {error}" if error else f"stored {key}")

    def note(self, key, error):
        if error and error.code() == KafkaError.INVALID_RECORD:
            self.refused.add(key)

    def tell_refused(self, key):
        self.producer.flush(60)
        steps.say(f"refused {key}" if key in self.refused else f"taken {key}")


def write_each(topic):
    one = Writer(topic, enable_idempotence=True)
    n = 0
    while not finished.is_set():
        if n % 50 == 49:
            # In a batch of its own, or others would be refused with it.
            one.producer.flush(60)
            key = f"bad-librdkafka-idempotent-{n}"
            one.send(key, one.note)
            one.tell_refused(key)
        else:
            one.send(f"ok-librdkafka-idempotent-{n}", one.tell)
        n += 1
    check(one.producer.flush(60) == 0, "not all was sent")


def until_done(end):
    """Ends a transaction, which may be tried again when it takes too long."""
    while True:
        try:
            return end(60)
        except KafkaException as failure:
            if not failure.args[0].retriable():
                raise


def commit(one):
    """Whether the transaction was committed."""
    try:
        until_done(one.producer.commit_transaction)
        return True
    except KafkaException as failure:
        check(failure.args[0].txn_requires_abort(), failure)
        until_done(one.producer.abort_transaction)
        return False


def transactional(topic):
    one = Writer(topic, transactional_id=f"{scenario.prefix}-librdkafka")
    one.producer.init_transactions(60)
    return one


def write_transactions(topic):
    one = transactional(topic)
    first = at = 0
    while not finished.is_set():
        keys = [f"ok-librdkafka-transactional-{n}" for n in range(first, first + 10)]
        bad = f"bad-librdkafka-transactional-{at}" if at % 5 == 4 else None
        at += 1
        one.producer.begin_transaction()
        try:
            for key in keys + ([bad] if bad else []):
                one.send(key, one.note)
        except KafkaException as failure:
            # The transaction has failed already; its end says how.
            check(failure.args[0].code() == KafkaError._STATE, failure)
        if commit(one):
            for key in keys:
                steps.say(f"stored {key}")
        elif bad is None:
            # A broker was away: once more.
            continue
        elif bad in one.refused:
            steps.say(f"refused {bad}")
            # The client counts what was refused, which no broker does: what it writes next is out of order.
            one = transactional(topic)
        first += 10


def bounded(name, write):
    try:
        write(scenario.write)
    except Exception as failure:
        steps.failed(name, failure)


if hasattr(scenario, "write"):
    writers = [("idempotent", write_each), ("transactional", write_transactions)]
    threads = [threading.Thread(target=bounded, args=words) for words in writers]
    for thread in threads:
        thread.start()
    sys.stdin.readline()
    finished.set()
    for thread in threads:
        thread.join()
    sys.exit(0)

if scenario.following:
    for words in scenario.following:
        threading.Thread(target=follow, args=words, daemon=True).start()
    steps.stay()

step("login", try_login)
step("metadata", metadata)
step("create-denied", create)
step("produce", lambda: produce("none", "none", False))
for codec in CODECS:
    step(f"produce-{codec}", lambda: produce(codec, codec, False))
step("idempotent", lambda: produce("idempotent", "none", True))
group("consume", "resume", "classic", "classic")
group("consume-848", "resume-848", "new", "consumer")
step("share", share)
step("transaction", transaction)
step("cluster", cluster)
step("offsets", offsets)
step("configs", configs)
step("groups", groups)
step("acls", acls)
denied_write()
denied_group()
