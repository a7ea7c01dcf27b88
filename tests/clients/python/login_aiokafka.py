"""aiokafka logs in."""

import asyncio
import ssl

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition, errors
from aiokafka.abc import AbstractTokenProvider

import logins


def kind_of(failure):
    if isinstance(failure, (errors.SaslAuthenticationFailed, errors.IllegalSaslStateError)):
        return logins.Refused
    if isinstance(failure, ssl.SSLError):
        return logins.NoTls
    if isinstance(failure, (OSError, errors.KafkaConnectionError)):
        return logins.Closed
    return None


complaints = logins.Complaints("aiokafka", kind_of)


class Token(AbstractTokenProvider):
    def __init__(self, value):
        self.value = value

    async def token(self):
        return self.value


def settings(login):
    all = {
        "bootstrap_servers": login.bootstrap,
        "security_protocol": login.protocol,
        "ssl_context": login.context(),
        "request_timeout_ms": 10_000,
    }
    if login.mechanism == "OAUTHBEARER":
        all |= {"sasl_mechanism": login.mechanism, "sasl_oauth_token_provider": Token(login.token)}
    elif login.mechanism:
        all |= {
            "sasl_mechanism": login.mechanism,
            "sasl_plain_username": login.username,
            "sasl_plain_password": login.password,
        }
    return all


async def produce(login):
    count = 0
    async with AIOKafkaProducer(**settings(login)) as producer:
        for _ in login.sends():
            await producer.send_and_wait(login.topic, login.record)
            count += 1
    return count


async def read(login):
    partition = TopicPartition(login.topic, 0)
    async with AIOKafkaConsumer(**settings(login), enable_auto_commit=False) as consumer:
        consumer.assign([partition])
        await consumer.seek_to_beginning(partition)
        async for record in consumer:
            if record.value == login.record:
                return


async def both(login):
    count = await produce(login)
    await read(login)
    return count


def attempt(login):
    if login.endpoint:
        raise NotImplementedError("ask a provider itself")
    complaints.forget()
    try:
        return asyncio.run(asyncio.wait_for(both(login), logins.LIMIT_SECONDS))
    except (errors.KafkaError, OSError) as failure:
        raise complaints.last() or failure


logins.resolve_unknown_names("127.0.0.1")
logins.serve(attempt)
