"""Writes and reads with Confluent's serializers: what they make goes through, and what is spoiled does not.

serialized.py BOOTSTRAP USER TOKEN REGISTRY: topics orders-json and orders-avro. Says what came of it, one JSON text a line.
"""

import json
import sys

from confluent_kafka import Consumer, Producer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

JSON_SCHEMA = json.dumps({
    "$schema": "http://json-schema.org/draft-07/schema#", "title": "Order", "type": "object", "required": ["id"],
    "properties": {"id": {"type": "integer"}, "lines": {"type": "array", "items": {"$ref": "#/definitions/line"}}},
    "definitions": {"line": {"type": "object", "properties": {"price": {"type": "number", "minimum": 0}}}},
})

AVRO_SCHEMA = json.dumps({
    "type": "record", "name": "Order", "namespace": "shop", "fields": [
        {"name": "id", "type": "long"},
        {"name": "note", "type": ["null", "string"], "default": None},
        {"name": "lines", "type": {"type": "array", "items": {
            "type": "record", "name": "Line", "fields": [{"name": "price", "type": "double"}]}}},
        {"name": "tags", "type": {"type": "map", "values": {"type": "enum", "name": "Tag", "symbols": ["A", "B"]}}},
    ],
})

JSON_ORDERS = [{"id": number, "lines": [{"price": 1.5}] * number} for number in range(20)]
AVRO_ORDERS = [
    {"id": number, "note": None if number % 2 else "ä" * number, "lines": [{"price": 0.5}] * number, "tags": {"x": "B"}}
    for number in range(20)
]


def say(**said):
    print(json.dumps(said), flush=True)


def main():
    bootstrap, user, token, url = sys.argv[1:]
    login = {
        "bootstrap.servers": bootstrap, "security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN",
        "sasl.username": user, "sasl.password": token,
    }
    registry = SchemaRegistryClient({"url": url})
    producer = Producer({**login, "enable.idempotence": True, "linger.ms": 0, "message.timeout.ms": 30000})
    cases = [
        ("orders-json", JSONSerializer(JSON_SCHEMA, registry), JSONDeserializer(JSON_SCHEMA), JSON_ORDERS),
        ("orders-avro", AvroSerializer(registry, AVRO_SCHEMA), AvroDeserializer(registry, AVRO_SCHEMA), AVRO_ORDERS),
    ]
    for topic, serialize, deserialize, orders in cases:
        context = SerializationContext(topic, MessageField.VALUE)
        values = [serialize(order, context) for order in orders]
        errors = []

        def told(error, _):
            errors.append(None if error is None else error.name())

        for value in values:
            producer.produce(topic, value, on_delivery=told)
        producer.flush()
        say(topic=topic, good=sorted({str(error) for error in errors}), count=len(errors))
        for name, value in {
            "cut": values[3][:-1], "longer": values[3] + b"x", "plain": values[3][5:],
            "unknown": b"\0\0\0\x7f\xff" + values[3][5:],
        }.items():
            errors.clear()
            producer.produce(topic, value, on_delivery=told)
            producer.flush()
            say(topic=topic, bad=name, error=errors[0])
        consumer = Consumer({**login, "group.id": f"of-{topic}", "auto.offset.reset": "earliest"})
        consumer.subscribe([topic])
        read = []
        while len(read) < len(orders):
            message = consumer.poll(30)
            if message is None:
                break
            if message.error() is None:
                read.append(deserialize(message.value(), SerializationContext(topic, MessageField.VALUE)))
        consumer.close()
        say(topic=topic, same=read == orders, read=len(read))


main()
