// kafkajs logs in. The lines of the input and of the output are those of every program of logins.
"use strict";

const fs = require("node:fs");
const readline = require("node:readline");
const tls = require("node:tls");
const { Kafka, logLevel } = require("kafkajs");

// How long one login may take, with what is done then, and between records of one that goes on.
const LIMIT_MS = 60_000;
const PAUSE_MS = 250;

function sasl(login) {
  const mechanism = login.mechanism.toLowerCase();
  return mechanism === "oauthbearer"
    ? { mechanism, oauthBearerProvider: async () => ({ value: login.token }) }
    : { mechanism, username: login.username, password: login.password };
}

function settings(login) {
  const all = {
    brokers: login.bootstrap.split(","),
    logLevel: logLevel.NOTHING,
    retry: { retries: 0 },
    // It logs in again when less than this is left of a session; 10 s would be always.
    reauthenticationThreshold: 1_500,
  };
  if (login.mechanism) all.sasl = sasl(login);
  if (login.ca) {
    all.ssl = { ca: [fs.readFileSync(login.ca)] };
    if (login.certificate) {
      all.ssl.cert = fs.readFileSync(login.certificate);
      all.ssl.key = fs.readFileSync(login.key);
    }
  }
  if (login.resolve) {
    all.socketFactory = ({ host, port, ssl, onConnect }) =>
      tls.connect({ ...ssl, host: login.resolve, port, servername: host }, onConnect);
  }
  return all;
}

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

async function produce(kafka, login) {
  const producer = kafka.producer();
  await producer.connect();
  let count = 0;
  try {
    const end = Date.now() + 1000 * (login.seconds ?? 0);
    do {
      if (count) await pause(PAUSE_MS);
      await producer.send({ topic: login.topic, messages: [{ value: login.record }] });
      count += 1;
    } while (Date.now() < end);
  } finally {
    await producer.disconnect();
  }
  return count;
}

async function read(kafka, login) {
  // The coordinator of the first group that there is takes a moment.
  const consumer = kafka.consumer({ groupId: `${login.id.replace("/", "-")}-kafkajs`, retry: { retries: 10 } });
  await consumer.connect();
  await consumer.subscribe({ topic: login.topic, fromBeginning: true });
  try {
    await new Promise((found, failed) => {
      consumer.on(consumer.events.CRASH, ({ payload }) => failed(payload.error));
      const eachMessage = async ({ message }) => {
        if (message.value.toString() === login.record) found();
      };
      consumer.run({ autoCommit: false, eachMessage }).catch(failed);
    });
  } finally {
    await consumer.disconnect();
  }
}

function kind(error) {
  for (let cause = error; cause; cause = cause.cause ?? cause.originalError) {
    if (cause.name === "KafkaJSSASLAuthenticationError" || /SASL/.test(cause.message)) return "refused";
    if (/certificate|alert|SSL/i.test(`${cause.code} ${cause.message}`)) return "tls";
    if (/ECONNRESET|Closed connection|socket hang up/.test(`${cause.code} ${cause.message}`)) return "closed";
  }
  return "failed";
}

async function attempt(login) {
  const late = new Promise((_, failed) => {
    setTimeout(() => failed(new Error("nothing is said of the login")), LIMIT_MS).unref();
  });
  if (login.endpoint) {
    console.log(`${login.id} cannot ask a provider itself`);
    return;
  }
  try {
    const kafka = new Kafka(settings(login));
    const both = produce(kafka, login).then((count) => read(kafka, login).then(() => count));
    console.log(`${login.id} ok ${await Promise.race([both, late])}`);
  } catch (error) {
    console.log(`${login.id} ${kind(error)} ${String(error).replace(/\s+/g, " ")}`);
  }
}

async function main() {
  const all = [];
  for await (const line of readline.createInterface({ input: process.stdin })) all.push(attempt(JSON.parse(line)));
  await Promise.all(all);
  process.exit(0);
}

main();
