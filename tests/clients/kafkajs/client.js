// kafkajs does the steps of steps.txt, or follows topics if the scenario says so.
"use strict";

const fs = require("node:fs");
const readline = require("node:readline");
const {
  Kafka,
  logLevel,
  CompressionTypes,
  AclResourceTypes,
  AclOperationTypes,
  AclPermissionTypes,
  ResourcePatternTypes,
  ConfigResourceTypes,
} = require("kafkajs");

const COUNT = 20;
const LIMIT_MS = 25_000;

const scenario = Object.fromEntries(
  fs
    .readFileSync(process.argv[2], "utf8")
    .trim()
    .split("\n")
    .map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
);
const prefix = scenario.prefix;
const orders = `${prefix}-orders`;
// The values that went well, of all codecs.
const written = [];
const answers = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();

function kafka({ username = scenario.username, password = scenario.password, retries = 1 } = {}) {
  return new Kafka({
    brokers: scenario.bootstrap.split(","),
    sasl: { mechanism: "plain", username, password },
    logLevel: logLevel.NOTHING,
    retry: { retries },
  });
}

async function step(name, run) {
  try {
    await run();
    console.log(`ok ${name}`);
  } catch (failure) {
    console.log(`failed ${name}: ${String(failure).replace(/\s+/g, " ")}`);
  }
}

const cannot = (name, why) => console.log(`cannot ${name}: ${why}`);

async function please(what) {
  console.log(`please ${what}`);
  await answers.next();
}

function check(holds, ...shown) {
  if (!holds) throw new Error(`not as expected: ${JSON.stringify(shown)}`);
}

const same = (left, right) =>
  check([...left].sort().join(" ") === [...right].sort().join(" "), left.length, right.length, left);

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** The error that something fails with. */
async function failure(waiting) {
  let value;
  try {
    value = await waiting;
  } catch (raised) {
    return raised;
  }
  throw new Error(`no error but ${JSON.stringify(value)}`);
}

/** The type of an error, wherever it is wrapped. */
function types(error) {
  return error ? [error.type, error.name, ...types(error.cause), ...(error.errors ?? []).flatMap(types)] : [];
}

async function administer(run, client = kafka()) {
  const admin = client.admin();
  await admin.connect();
  try {
    return await run(admin);
  } finally {
    await admin.disconnect();
  }
}

async function login() {
  await administer((admin) => admin.describeCluster());
  const raised = await failure(kafka({ password: "wrong" }).admin().connect());
  check(types(raised).includes("KafkaJSSASLAuthenticationError"), types(raised));
}

const metadata = () =>
  administer(async (admin) => {
    const names = await admin.listTopics();
    same(names, [orders, `${prefix}-copies`]);
    const { topics } = await admin.fetchTopicMetadata({ topics: names });
    check(
      topics.every((topic) => topic.partitions.length === 2),
      topics,
    );
  });

const create = () =>
  administer(async (admin) => {
    const topics = [{ topic: `${prefix}-created`, numPartitions: 1, replicationFactor: 1 }];
    const found = types(await failure(admin.createTopics({ topics })));
    check(found.includes("TOPIC_AUTHORIZATION_FAILED") || found.includes("POLICY_VIOLATION"), found);
  });

async function withProducer(run, options = {}) {
  const producer = kafka().producer({ allowAutoTopicCreation: false, ...options });
  await producer.connect();
  try {
    return await run(producer);
  } finally {
    await producer.disconnect();
  }
}

async function produce(codec, compression, idempotent) {
  const values = Array.from({ length: COUNT }, (_, n) => `${codec}-${n}`);
  const messages = values.map((value, n) => ({ key: `${codec}-key-${n}`, value, headers: { codec } }));
  await withProducer((producer) => producer.send({ topic: orders, messages, compression, acks: -1 }), { idempotent });
  written.push(...values);
}

async function join(group) {
  const consumer = kafka().consumer({ groupId: group, allowAutoTopicCreation: false });
  await consumer.connect();
  await consumer.subscribe({ topics: [orders], fromBeginning: true });
  return consumer;
}

/** Runs the consumer until there are so many records, and a little longer for what must not come. */
async function read(consumer, count) {
  const records = [];
  let crash;
  consumer.on(consumer.events.CRASH, ({ payload }) => (crash = payload.error));
  await consumer.run({
    autoCommit: false,
    eachMessage: async ({ partition, message }) => {
      records.push({ partition, offset: Number(message.offset), value: message.value.toString(), message });
    },
  });
  const end = Date.now() + LIMIT_MS;
  while (records.length < count && !crash && Date.now() < end) await pause(20);
  if (crash) throw crash;
  await pause(300);
  return records;
}

function ends(records) {
  const found = new Map();
  for (const { partition, offset } of records) found.set(partition, Math.max(found.get(partition) ?? 0, offset + 1));
  return found;
}

const at = (offsets) =>
  [...offsets].map(([partition, offset]) => ({ topic: orders, partition, offset: String(offset) }));

async function group() {
  const name = `${prefix}-app-classic`;
  let rest = [];
  await step("consume", async () => {
    const consumer = await join(name);
    const records = await read(consumer, written.length);
    for (const { value, message } of records) {
      const codec = value.slice(0, value.lastIndexOf("-"));
      check(message.key.toString().startsWith(`${codec}-key-`), value);
      check(message.headers.codec.toString() === codec, value);
    }
    const half = new Map([...ends(records)].map(([partition, end]) => [partition, Math.floor(end / 2)]));
    await consumer.commitOffsets(at(half));
    rest = records.filter((one) => one.offset >= half.get(one.partition)).map((one) => one.value);
    await consumer.disconnect();
    same(
      records.map((one) => one.value),
      written,
    );
  });
  await step("resume", async () => {
    const consumer = await join(name);
    const records = await read(consumer, rest.length);
    await consumer.commitOffsets(at(ends(records)));
    await consumer.disconnect();
    same(
      records.map((one) => one.value),
      rest,
    );
  });
}

async function transaction() {
  const id = `${prefix}-app-copier`;
  const consumer = await join(id);
  const records = await read(consumer, written.length);
  const copies = records.map(({ value, message }) => ({ key: message.key, value: value.toUpperCase() }));
  const partitions = [...ends(records)].map(([partition, offset]) => ({ partition, offset: String(offset) }));
  const options = { transactionalId: id, idempotent: true, maxInFlightRequests: 1 };
  await withProducer(async (producer) => {
    for (const commit of [false, true]) {
      const one = await producer.transaction();
      await one.send({ topic: `${prefix}-copies`, messages: copies });
      await one.sendOffsets({ consumerGroupId: id, topics: [{ topic: orders, partitions }] });
      await (commit ? one.commit() : one.abort());
    }
  }, options);
  await consumer.disconnect();
  same(
    records.map((one) => one.value),
    written,
  );
}

const cluster = () =>
  administer(async (admin) => {
    const described = await admin.describeCluster();
    check(described.brokers.length === Number(scenario.brokers) && described.clusterId, described);
  });

const offsets = () =>
  administer(async (admin) => {
    const found = await admin.fetchTopicOffsets(orders);
    const sum = found.reduce((total, one) => total + Number(one.high) - Number(one.low), 0);
    check(sum === written.length, found);
  });

const configs = () =>
  administer(async (admin) => {
    const resources = [{ type: ConfigResourceTypes.TOPIC, name: orders }];
    const described = await admin.describeConfigs({ resources, includeSynonyms: false });
    const policy = described.resources[0].configEntries.find((entry) => entry.configName === "cleanup.policy");
    check(policy?.configValue === "delete", policy);
  });

const groups = () =>
  administer(async (admin) => {
    const name = `${prefix}-app-classic`;
    const listed = (await admin.listGroups()).groups.map((one) => one.groupId);
    check(listed.includes(name), listed);
    const described = await admin.describeGroups([name]);
    check(described.groups[0].errorCode === 0, described);
    const [topic] = await admin.fetchOffsets({ groupId: name, topics: [orders] });
    const sum = topic.partitions.reduce((total, one) => total + Number(one.offset), 0);
    check(sum === written.length, topic);
  });

const acls = () =>
  administer(
    async (admin) => {
      const acl = {
        resourceType: AclResourceTypes.TOPIC,
        resourceName: `${prefix}-else`,
        resourcePatternType: ResourcePatternTypes.LITERAL,
        principal: "User:nobody",
        host: "*",
        operation: AclOperationTypes.READ,
        permissionType: AclPermissionTypes.ALLOW,
      };
      await admin.createAcls({ acl: [acl] });
      check((await admin.describeAcls(acl)).resources.length === 1, "described");
      const deleted = await admin.deleteAcls({ filters: [acl] });
      check(deleted.filterResponses[0].matchingAcls.length === 1, deleted);
      check((await admin.describeAcls(acl)).resources.length === 0, "gone");
    },
    kafka({ username: scenario["super.username"], password: scenario["super.password"] }),
  );

const deniedWrite = () =>
  withProducer(async (producer) => {
    const send = () => producer.send({ topic: `${prefix}-closed`, messages: [{ value: "granted" }] });
    await step("denied-write", async () => {
      const found = types(await failure(send()));
      check(found.includes("TOPIC_AUTHORIZATION_FAILED"), found);
    });
    await please("grant-write");
    await step("granted-write", send);
  });

async function deniedGroup() {
  const consumer = await join(`${prefix}-closed`);
  await step("denied-group", async () => {
    const found = types(await failure(read(consumer, 1)));
    check(found.includes("GROUP_AUTHORIZATION_FAILED"), found);
  });
  await please("grant-group");
  await step("granted-group", async () => {
    const records = await read(consumer, written.length);
    check(records.length === written.length, records.length);
  });
  await consumer.disconnect();
}

async function follow(topic, isolation, group) {
  // A coordinator may have to load: the client's own number of tries, and it may begin anew.
  const consumer = kafka({ retries: 5 }).consumer({
    groupId: group,
    allowAutoTopicCreation: false,
    readUncommitted: isolation === "read_uncommitted",
    maxBytesPerPartition: Number(scenario["fetch.bytes"]),
  });
  consumer.on(consumer.events.CRASH, ({ payload }) => {
    if (!payload.restart) console.log(`failed ${group}: ${payload.error}`);
  });
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ message }) => console.log(`got ${group} ${message.value}`),
  });
}

/** Follows each topic as a member of a group of its own, until there is no input any more. */
async function followAll() {
  for (const line of scenario.follow.split(",")) {
    const [topic, isolation, , group] = line.split(":");
    follow(topic, isolation, group).catch((failure) => console.log(`failed ${group}: ${failure}`));
  }
  while (!(await answers.next()).done);
}

async function main() {
  if (scenario.follow) return followAll();
  await step("login", login);
  await step("metadata", metadata);
  await step("create-denied", create);
  await step("produce", () => produce("none", CompressionTypes.None, false));
  await step("produce-gzip", () => produce("gzip", CompressionTypes.GZIP, false));
  for (const codec of ["snappy", "lz4", "zstd"]) cannot(`produce-${codec}`, "the client brings gzip only");
  await step("idempotent", () => produce("idempotent", CompressionTypes.None, true));
  await group();
  for (const name of ["consume-848", "resume-848"]) cannot(name, "the client has the classic protocol only");
  cannot("share", "the client has no share consumer");
  await step("transaction", transaction);
  await step("cluster", cluster);
  await step("offsets", offsets);
  await step("configs", configs);
  await step("groups", groups);
  await step("acls", acls);
  await deniedWrite();
  await deniedGroup();
}

main().finally(() => process.exit(0));
