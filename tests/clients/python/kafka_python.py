"""kafka-python does the steps of steps.txt, or follows topics if the scenario says so."""

import threading
import time

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition, errors
from kafka.admin import (
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ConfigResource,
    ConfigResourceType,
    NewTopic,
    OffsetSpec,
    ResourcePattern,
    ResourcePatternFilter,
    ResourceType,
)

import steps
from steps import CODECS, LIMIT_SECONDS, Scenario, check

scenario = Scenario()
PARTITIONS = [TopicPartition(scenario.orders, partition) for partition in range(2)]


def administer(run):
    admin = KafkaAdminClient(**scenario.own())
    try:
        return run(admin)
    finally:
        admin.close()


def step(name, run):
    try:
        run()
        steps.ok(name)
    except Exception as failure:
        steps.failed(name, failure)


def failure(call):
    """The error that a call raises."""
    try:
        value = call()
    except errors.KafkaError as raised:
        return raised
    raise AssertionError(f"no error but {value!r}")


def try_login():
    administer(lambda admin: check(admin.describe_cluster()["brokers"], "no broker"))
    raised = failure(lambda: KafkaAdminClient(**scenario.login(scenario.username, "wrong")).describe_cluster())
    # The client tries a refused login again until it has no time left, and then speaks of the time alone.
    check(isinstance(raised, errors.KafkaTimeoutError), repr(raised))


def metadata():
    def look(admin):
        names = set(admin.list_topics())
        check(names == {scenario.orders, scenario.copies}, names)
        for topic in admin.describe_topics(list(names)):
            check(len(topic["partitions"]) == 2, topic)

    administer(look)


def create():
    topic = NewTopic(f"{scenario.prefix}-created", 1, 1)
    raised = administer(lambda admin: failure(lambda: admin.create_topics([topic])))
    check(isinstance(raised, (errors.TopicAuthorizationFailedError, errors.PolicyViolationError)), repr(raised))


def producer(**more):
    return KafkaProducer(**scenario.own(**{"enable_idempotence": False, "linger_ms": 50, **more}))


def produce(codec, compression, idempotent):
    one = producer(compression_type=compression, enable_idempotence=idempotent)
    sent = [
        one.send(scenario.orders, value.encode(), key.encode(), headers=[header])
        for key, value, header in scenario.records(codec)
    ]
    for future in sent:
        future.get(LIMIT_SECONDS)
    one.close()
    scenario.wrote(codec)


def consumer(group):
    return KafkaConsumer(
        scenario.orders,
        **scenario.own(
            group_id=group,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            isolation_level="read_committed",
        ),
    )


def taken(one, seconds):
    """The records of one poll, which ends when some are there.

    A poll that gives up between the answers to JoinGroup and SyncGroup loses the assignment for good when the rejoin was
    for changed metadata, so while records are awaited it is given all the time that is left.
    """
    return [record for records in one.poll(int(seconds * 1000)).values() for record in records]


def read(one, count):
    """Reads so many records, and a little longer for what must not come."""
    records, end = [], time.monotonic() + LIMIT_SECONDS
    while len(records) < count and (left := end - time.monotonic()) > 0:
        records += taken(one, left)
    return records + taken(one, 0.3)


def text(record):
    return record.value.decode()


def group():
    name, rest = f"{scenario.prefix}-app-classic", set(scenario.written)

    def consume():
        one = consumer(name)
        records = read(one, len(scenario.written))
        check(sorted(map(text, records)) == sorted(scenario.written), len(records))
        for record in records:
            steps.check_record(record.key.decode(), text(record), record.headers)
        half = {at: one.position(at) // 2 for at in one.assignment()}
        one.commit({at: OffsetAndMetadata(offset, "", -1) for at, offset in half.items()})
        rest.difference_update(
            text(record)
            for record in records
            if record.offset < half[TopicPartition(record.topic, record.partition)]
        )
        one.close(autocommit=False)

    def resume():
        one = consumer(name)
        records = read(one, len(rest))
        check(sorted(map(text, records)) == sorted(rest), f"{len(records)} of {len(rest)}")
        one.commit()
        one.close()

    step("consume", consume)
    step("resume", resume)


def transaction():
    name = f"{scenario.prefix}-app-copier"
    one, sender = consumer(name), producer(transactional_id=name, enable_idempotence=True)
    sender.init_transactions()
    copied, aborted, end = 0, False, time.monotonic() + LIMIT_SECONDS
    while copied < len(scenario.written) and (left := end - time.monotonic()) > 0:
        records = taken(one, left)
        if not records:
            continue
        sender.begin_transaction()
        for record in records:
            sender.send(scenario.copies, text(record).upper().encode(), record.key)
        where = {at: OffsetAndMetadata(one.position(at), "", -1) for at in one.assignment()}
        sender.send_offsets_to_transaction(where, one.group_metadata())
        if aborted:
            sender.commit_transaction()
            copied += len(records)
        else:
            sender.abort_transaction()
            one.seek_to_beginning()
            aborted = True
    sender.close()
    one.close(autocommit=False)
    check(copied == len(scenario.written), copied)


def cluster():
    described = administer(lambda admin: admin.describe_cluster())
    check(len(described["brokers"]) == int(scenario.brokers) and described["cluster_id"], described)


def offsets():
    def total(admin, spec):
        return sum(found.offset for found in admin.list_partition_offsets({at: spec for at in PARTITIONS}).values())

    written = administer(lambda admin: total(admin, OffsetSpec.LATEST) - total(admin, OffsetSpec.EARLIEST))
    check(written == len(scenario.written), written)


def configs():
    resource = ConfigResource(ConfigResourceType.TOPIC, scenario.orders)
    described = administer(lambda admin: admin.describe_configs([resource], config_filter="all"))
    check("'delete'" in str(described) and "cleanup.policy" in str(described), described)


def groups():
    name = f"{scenario.prefix}-app-classic"

    def look(admin):
        listed = [one["group_id"] for one in admin.list_groups()]
        check(name in listed, listed)
        check(name in str(admin.describe_groups([name])), name)
        found = admin.list_group_offsets([name])[name]
        total = sum(at.offset for at in found.values())
        check(total == len(scenario.written), found)

    administer(look)


def acls():
    words = ("User:nobody", "*", ACLOperation.READ, ACLPermissionType.ALLOW)
    topic = f"{scenario.prefix}-else"
    one = ACL(*words, ResourcePattern(ResourceType.TOPIC, topic))
    same = ACLFilter(*words, ResourcePatternFilter(ResourceType.TOPIC, topic, ACLResourcePatternType.LITERAL))
    admin = KafkaAdminClient(**scenario.login(scenario.super_username, scenario.super_password))

    def count():
        described, error = admin.describe_acls(same)
        check(error is errors.NoError or isinstance(error, errors.NoError), error)
        return len(described)

    created = admin.create_acls([one])
    check(not created["failed"], created)
    check(count() == 1, "described")
    deleted = admin.delete_acls([same])
    check(len(deleted[0][1]) == 1 and count() == 0, deleted)
    admin.close()


def denied_write():
    one = producer(retries=0, retry_backoff_ms=100, max_block_ms=8000)

    def send():
        one.send(scenario.closed, b"granted").get(LIMIT_SECONDS)

    def denied():
        raised = failure(send)
        check(isinstance(raised, errors.TopicAuthorizationFailedError), repr(raised))

    step("denied-write", denied)
    steps.please("grant-write")
    step("granted-write", send)
    one.close()


def denied_group():
    one = consumer(scenario.closed)

    def denied():
        raised = failure(lambda: read(one, 1))
        check(isinstance(raised, errors.GroupAuthorizationFailedError), repr(raised))

    def granted():
        count = len(read(one, len(scenario.written)))
        check(count == len(scenario.written), count)

    step("denied-group", denied)
    steps.please("grant-group")
    step("granted-group", granted)
    one.close(autocommit=False)


def follow(topic, isolation, _, name):
    settings = {"max_partition_fetch_bytes": int(scenario.fetch_bytes), "auto_commit_interval_ms": int(scenario.commit_ms)}
    try:
        group = {"group_id": name, "auto_offset_reset": "earliest", "isolation_level": isolation}
        one = KafkaConsumer(topic, **scenario.own(**group, **settings))
        while True:
            for record in taken(one, 2):
                steps.got(name, record.value)
    except Exception as failure:
        steps.failed(name, failure)


if scenario.following:
    for words in scenario.following:
        threading.Thread(target=follow, args=words, daemon=True).start()
    steps.stay()

step("login", try_login)
step("metadata", metadata)
step("create-denied", create)
step("produce", lambda: produce("none", None, False))
for codec in CODECS:
    step(f"produce-{codec}", lambda: produce(codec, codec, False))
step("idempotent", lambda: produce("idempotent", None, True))
group()
for name in ("consume-848", "resume-848"):
    steps.cannot(name, "the client has the classic protocol only")
steps.cannot("share", "the client has no share consumer")
step("transaction", transaction)
step("cluster", cluster)
step("offsets", offsets)
step("configs", configs)
step("groups", groups)
step("acls", acls)
denied_write()
denied_group()
