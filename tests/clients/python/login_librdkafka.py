"""librdkafka, by way of confluent-kafka, logs in."""

import time

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Producer, TopicPartition

import logins

KINDS = {
    KafkaError._AUTHENTICATION: logins.Refused,
    KafkaError._SSL: logins.NoTls,
    KafkaError._TRANSPORT: logins.Closed,
    # All that it says of a connection that is closed before anything was answered.
    KafkaError._ALL_BROKERS_DOWN: logins.Closed,
}


class Client:
    """How a client of either kind is set up, and what it has complained of since."""

    def __init__(self, login):
        if login.resolve:
            raise NotImplementedError("it asks the name servers of the system only")
        self.login = login
        self.failure = None
        settings = {
            "bootstrap.servers": login.bootstrap,
            "security.protocol": login.protocol,
            "sasl.mechanism": login.mechanism,
            "sasl.username": login.username,
            "sasl.password": login.password,
            "ssl.ca.location": login.ca,
            "ssl.certificate.location": login.certificate,
            "ssl.key.location": login.key,
        }
        self.settings = {name: value for name, value in settings.items() if value is not None}
        self.settings |= {"log_level": 0, "error_cb": self.complain}
        if login.endpoint:
            self.settings |= {
                "sasl.oauthbearer.method": "oidc",
                "sasl.oauthbearer.token.endpoint.url": login.endpoint,
                "sasl.oauthbearer.client.id": login.username,
                "sasl.oauthbearer.client.secret": login.password,
            }
        elif login.mechanism == "OAUTHBEARER":
            # It must not be over for this client; whether it is, the other side shall say.
            self.settings["oauth_cb"] = lambda _: (login.token, time.time() + 300)

    def complain(self, error):
        kind = KINDS.get(error.code())
        if kind is logins.Closed and "SSL" in error.str():
            kind = logins.NoTls
        # That it hung up says less than anything else.
        if kind and (self.failure is None or isinstance(self.failure, logins.Closed)):
            self.failure = kind(error.str())

    def check(self):
        self.login.in_time()
        if self.failure:
            raise self.failure


def attempt(login):
    client = Client(login)
    producer = Producer(client.settings)
    logged_in = False
    while not logged_in:
        producer.poll(0.05)
        client.check()
        try:
            producer.list_topics(login.topic, timeout=0.5)
            logged_in = True
        except KafkaException:
            pass  # Why not, it is told by its complaints.
    count = 0
    for _ in login.sends():
        results = []
        producer.produce(login.topic, login.record, on_delivery=lambda error, _: results.append(error))
        while not results:
            producer.poll(0.1)
            client.check()
        if results[0]:
            raise KafkaException(results[0])
        count += 1
    read(client, login)
    return count


def read(client, login):
    consumer = Consumer(client.settings | {"group.id": "logins", "enable.auto.commit": False})
    consumer.assign([TopicPartition(login.topic, 0, OFFSET_BEGINNING)])
    try:
        while True:
            client.check()
            message = consumer.poll(0.1)
            if message and message.error():
                raise KafkaException(message.error())
            if message and message.value() == login.record:
                return
    finally:
        consumer.close()


logins.serve(attempt)
