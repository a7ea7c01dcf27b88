"""aiokafka does the steps of steps.txt, or follows topics if the scenario says so."""

import asyncio
import threading
import time

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition, errors
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

import steps
from steps import CODECS, LIMIT_SECONDS, Scenario, check

scenario = Scenario()
PARTITIONS = [TopicPartition(scenario.orders, partition) for partition in range(2)]


async def administer(run):
    admin = AIOKafkaAdminClient(**scenario.own())
    await admin.start()
    try:
        return await run(admin)
    finally:
        await admin.close()


async def step(name, run):
    try:
        await asyncio.wait_for(run(), 2 * LIMIT_SECONDS)
        steps.ok(name)
    except Exception as failure:
        steps.failed(name, failure)


async def failure(waiting):
    """The error that something raises."""
    try:
        value = await waiting
    except errors.KafkaError as raised:
        return raised
    raise AssertionError(f"no error but {value!r}")


async def try_login():
    async def look(admin):
        check((await admin.describe_cluster())["brokers"], "no broker")

    await administer(look)
    wrong = AIOKafkaProducer(**scenario.login(scenario.username, "wrong"))
    raised = await failure(wrong.start())
    # This client looks for a broker to talk to and says only why the last one would not.
    check(isinstance(raised, (errors.AuthenticationFailedError, errors.KafkaConnectionError)), repr(raised))
    await wrong.stop()


async def metadata():
    async def look(admin):
        names = set(await admin.list_topics())
        check(names == {scenario.orders, scenario.copies}, names)
        for topic in await admin.describe_topics(list(names)):
            check(len(topic["partitions"]) == 2, topic)

    await administer(look)


async def create():
    async def make(admin):
        answer = await admin.create_topics([NewTopic(f"{scenario.prefix}-created", 1, 1)])
        codes = [error[1] for error in answer.topic_errors]
        refusals = (errors.TopicAuthorizationFailedError.errno, errors.PolicyViolationError.errno)
        check(all(code in refusals for code in codes), codes)

    await administer(make)


async def with_producer(run, **more):
    one = AIOKafkaProducer(**scenario.own(**{"linger_ms": 50, **more}))
    await one.start()
    try:
        return await run(one)
    finally:
        await one.stop()


async def produce(codec, compression, idempotent):
    async def send(one):
        sent = [
            await one.send(scenario.orders, value.encode(), key.encode(), headers=[header])
            for key, value, header in scenario.records(codec)
        ]
        await asyncio.gather(*sent)

    await with_producer(send, compression_type=compression, enable_idempotence=idempotent)
    scenario.wrote(codec)


def consumer(group):
    return AIOKafkaConsumer(
        scenario.orders,
        **scenario.own(
            group_id=group,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            isolation_level="read_committed",
        ),
    )


async def taken(one, seconds):
    return [record for records in (await one.getmany(timeout_ms=int(seconds * 1000))).values() for record in records]


async def read(one, count):
    """Reads so many records, and a little longer for what must not come."""
    records, end = [], time.monotonic() + LIMIT_SECONDS
    while len(records) < count and time.monotonic() < end:
        records += await taken(one, 0.2)
    return records + await taken(one, 0.3)


def text(record):
    return record.value.decode()


async def group():
    name, rest = f"{scenario.prefix}-app-classic", set(scenario.written)

    async def consume():
        one = consumer(name)
        await one.start()
        records = await read(one, len(scenario.written))
        check(sorted(map(text, records)) == sorted(scenario.written), len(records))
        for record in records:
            steps.check_record(record.key.decode(), text(record), record.headers)
        half = {at: await one.position(at) // 2 for at in one.assignment()}
        await one.commit(half)
        rest.difference_update(
            text(record)
            for record in records
            if record.offset < half[TopicPartition(record.topic, record.partition)]
        )
        await one.stop()

    async def resume():
        one = consumer(name)
        await one.start()
        records = await read(one, len(rest))
        check(sorted(map(text, records)) == sorted(rest), f"{len(records)} of {len(rest)}")
        await one.commit()
        await one.stop()

    await step("consume", consume)
    await step("resume", resume)


async def transaction():
    name = f"{scenario.prefix}-app-copier"
    one = consumer(name)
    await one.start()

    async def copy(sender):
        copied, aborted, end = 0, False, time.monotonic() + LIMIT_SECONDS
        while copied < len(scenario.written) and time.monotonic() < end:
            records = await taken(one, 0.3)
            if not records:
                continue
            await sender.begin_transaction()
            for record in records:
                await sender.send(scenario.copies, text(record).upper().encode(), record.key)
            where = {at: await one.position(at) for at in one.assignment()}
            await sender.send_offsets_to_transaction(where, name)
            if aborted:
                await sender.commit_transaction()
                copied += len(records)
            else:
                await sender.abort_transaction()
                await one.seek_to_beginning()
                aborted = True
        return copied

    copied = await with_producer(copy, transactional_id=name)
    await one.stop()
    check(copied == len(scenario.written), copied)


async def cluster():
    described = await administer(lambda admin: admin.describe_cluster())
    check(len(described["brokers"]) == int(scenario.brokers) and described["cluster_id"], described)


async def offsets():
    one = AIOKafkaConsumer(**scenario.own())
    await one.start()
    starts, ends = await one.beginning_offsets(PARTITIONS), await one.end_offsets(PARTITIONS)
    await one.stop()
    written = sum(ends.values()) - sum(starts.values())
    check(written == len(scenario.written), written)


async def configs():
    async def look(admin):
        answers = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, scenario.orders)])
        values = {entry[0]: entry[1] for resource in answers[0].resources for entry in resource[4]}
        check(values.get("cleanup.policy") == "delete", values)

    await administer(look)


async def groups():
    name = f"{scenario.prefix}-app-classic"

    async def look(admin):
        listed = [one[0] for one in await admin.list_consumer_groups()]
        check(name in listed, listed)
        described = await admin.describe_consumer_groups([name])
        check(name in str(described), described)
        found = await admin.list_consumer_group_offsets(name)
        check(sum(at.offset for at in found.values()) == len(scenario.written), found)

    await administer(look)


async def denied_write():
    async def both(one):
        async def send():
            await one.send_and_wait(scenario.closed, b"granted")

        async def denied():
            raised = await failure(send())
            check(isinstance(raised, errors.TopicAuthorizationFailedError), repr(raised))

        await step("denied-write", denied)
        steps.please("grant-write")
        await step("granted-write", send)

    await with_producer(both, metadata_max_age_ms=500)


async def denied_group():
    one = consumer(scenario.closed)

    async def denied():
        async def join():
            await one.start()
            await read(one, 1)

        raised = await failure(join())
        check(isinstance(raised, errors.GroupAuthorizationFailedError), repr(raised))

    async def granted():
        # This error ends a consumer of aiokafka for good.
        another = consumer(scenario.closed)
        await another.start()
        try:
            count = len(await read(another, len(scenario.written)))
            check(count == len(scenario.written), count)
        finally:
            await another.stop()

    await step("denied-group", denied)
    await one.stop()
    steps.please("grant-group")
    await step("granted-group", granted)


async def follow(topic, isolation, _, name):
    settings = {"max_partition_fetch_bytes": int(scenario.fetch_bytes), "auto_commit_interval_ms": int(scenario.commit_ms)}
    try:
        group = {"group_id": name, "auto_offset_reset": "earliest", "isolation_level": isolation}
        one = AIOKafkaConsumer(topic, **scenario.own(**group, **settings))
        await one.start()
        while True:
            for record in await taken(one, 0.2):
                steps.got(name, record.value)
    except Exception as failure:
        steps.failed(name, failure)


async def main():
    if scenario.following:
        threading.Thread(target=steps.stay, daemon=True).start()
        await asyncio.gather(*(follow(*words) for words in scenario.following))
    await step("login", try_login)
    await step("metadata", metadata)
    await step("create-denied", create)
    await step("produce", lambda: produce("none", None, False))
    for codec in CODECS:
        await step(f"produce-{codec}", lambda codec=codec: produce(codec, codec, False))
    await step("idempotent", lambda: produce("idempotent", None, True))
    await group()
    for name in ("consume-848", "resume-848"):
        steps.cannot(name, "the client has the classic protocol only")
    steps.cannot("share", "the client has no share consumer")
    await step("transaction", transaction)
    await step("cluster", cluster)
    await step("offsets", offsets)
    await step("configs", configs)
    await step("groups", groups)
    steps.cannot("acls", "the client has no API for ACLs")
    await denied_write()
    await denied_group()


asyncio.run(main())
