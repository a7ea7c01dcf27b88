// The Java client does the steps of steps.txt, or follows or writes topics if the scenario says so. It compiles with kafka-clients 3.9 and 4.x.
//
// Client SCENARIO, run from source: java -cp 'libs/*' Client.java …

import java.io.FileReader;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Scanner;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.InvalidRecordException;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.AuthorizationException;
import org.apache.kafka.common.errors.GroupAuthorizationException;
import org.apache.kafka.common.errors.PolicyViolationException;
import org.apache.kafka.common.errors.ProducerFencedException;
import org.apache.kafka.common.errors.SaslAuthenticationException;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.errors.TopicAuthorizationException;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourceType;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

public class Client {
    private static final int COUNT = 20;
    private static final Duration POLL = Duration.ofMillis(200);
    private static final long LIMIT_MS = 25_000;
    private static final long PACE_MS = 20;

    private final Properties scenario = new Properties();
    private final String prefix;
    private final String orders;
    private final Set<String> written = new TreeSet<>();
    private final Scanner go = new Scanner(System.in);
    private volatile boolean writing = true;

    private interface Step {
        void run() throws Exception;
    }

    private Client(String file) throws Exception {
        try (FileReader reader = new FileReader(file)) {
            scenario.load(reader);
        }
        prefix = scenario.getProperty("prefix");
        orders = prefix + "-orders";
    }

    public static void main(String[] arguments) throws Exception {
        Client client = new Client(arguments[0]);
        if (client.scenario.containsKey("follow")) {
            client.follow();
        } else if (client.scenario.containsKey("write")) {
            client.write(client.scenario.getProperty("write"));
        } else {
            client.all();
        }
        System.exit(0);
    }

    /** Follows each topic as a member of a group of its own, until there is no input any more. */
    private void follow() {
        for (String line : scenario.getProperty("follow").split(",")) {
            String[] words = line.split(":");
            Thread thread = new Thread(() -> follow(words[0], words[1], words[2], words[3]));
            thread.setDaemon(true);
            thread.start();
        }
        while (go.hasNextLine()) {
            go.nextLine();
        }
    }

    private void follow(String topic, String isolation, String protocol, String group) {
        Map<String, Object> all = own();
        all.put("group.id", group);
        all.put("group.protocol", protocol);
        all.put("isolation.level", isolation);
        all.put("auto.offset.reset", "earliest");
        all.put("auto.commit.interval.ms", scenario.getProperty("commit.ms"));
        all.put("max.partition.fetch.bytes", scenario.getProperty("fetch.bytes"));
        try (var consumer = new KafkaConsumer<>(all, new StringDeserializer(), new StringDeserializer())) {
            consumer.subscribe(List.of(topic));
            while (true) {
                consumer.poll(POLL).forEach(record -> System.out.println("got " + group + " " + record.value()));
            }
        } catch (Throwable failure) {
            System.out.println("failed " + group + ": " + failure.toString().replace('\n', ' '));
        }
    }

    private void all() {
        step("login", this::login);
        step("metadata", this::metadata);
        step("create-denied", this::create);
        step("produce", () -> produce("none", "none", false));
        for (String codec : List.of("gzip", "snappy", "lz4", "zstd")) {
            step("produce-" + codec, () -> produce(codec, codec, false));
        }
        step("idempotent", () -> produce("idempotent", "none", true));
        group("consume", "resume", "classic", "classic");
        group("consume-848", "resume-848", "new", "consumer");
        step("transaction", this::transaction);
        step("cluster", this::cluster);
        step("offsets", this::offsets);
        step("configs", this::configs);
        step("groups", this::groups);
        step("acls", this::acls);
        deniedWrite();
        deniedGroup();
    }

    /** An idempotent and a transactional producer write to a topic at once, until there is a line of input. They say what is
     * stored and what is refused. */
    private void write(String topic) throws Exception {
        List<Thread> writers = List.of(
                new Thread(() -> bounded("idempotent", () -> writeEach(topic))),
                new Thread(() -> bounded("transactional", () -> writeTransactions(topic))));
        writers.forEach(Thread::start);
        go.nextLine();
        writing = false;
        for (Thread writer : writers) {
            writer.join();
        }
    }

    private static void bounded(String name, Step step) {
        try {
            step.run();
        } catch (Throwable failure) {
            System.out.println("failed " + name + ": " + failure.toString().replace('\n', ' '));
        }
    }

    private static ProducerRecord<String, String> marked(String topic, String key) {
        var headers = new ArrayList<org.apache.kafka.common.header.Header>();
        for (String header : List.of("twice=a", "secret=x", "marked=forged", "twice=b")) {
            String[] parts = header.split("=");
            headers.add(new RecordHeader(parts[0], parts[1].getBytes()));
        }
        return new ProducerRecord<>(topic, null, key, "value", headers);
    }

    /** Whether a record was refused because of what it is. */
    private static boolean isRefused(java.util.concurrent.Future<?> sent) throws Exception {
        try {
            sent.get();
            return false;
        } catch (ExecutionException failure) {
            return failure.getCause() instanceof InvalidRecordException;
        }
    }

    private void writeEach(String topic) throws Exception {
        try (var producer = producer(Map.of("linger.ms", 5, "max.block.ms", 60_000))) {
            for (int n = 0; writing; n++) {
                Thread.sleep(PACE_MS);
                if (n % 50 == 49) {
                    // In a batch of its own, or others would be refused with it.
                    producer.flush();
                    String key = "bad-java-idempotent-" + n;
                    System.out.println((isRefused(producer.send(marked(topic, key))) ? "refused " : "taken ") + key);
                } else {
                    String key = "ok-java-idempotent-" + n;
                    producer.send(marked(topic, key), (told, error) ->
                            System.out.println(error == null ? "stored " + key : "failed " + key + ": " + error));
                }
            }
        }
    }

    private void writeTransactions(String topic) throws Exception {
        Map<String, Object> more = Map.of("transactional.id", prefix + "-java", "max.block.ms", 60_000);
        try (var producer = producer(more)) {
            producer.initTransactions();
            int first = 0;
            for (int round = 0; writing; round++) {
                List<String> keys = new ArrayList<>();
                for (int n = first; n < first + 10; n++) {
                    keys.add("ok-java-transactional-" + n);
                }
                String bad = round % 5 == 4 ? "bad-java-transactional-" + round : null;
                if (transaction(producer, topic, keys, bad)) {
                    keys.forEach(key -> System.out.println("stored " + key));
                } else if (bad == null) {
                    // A broker was away: once more.
                    continue;
                }
                first += 10;
            }
        }
    }

    /** Whether it was committed; it cannot be with a record that is refused. */
    private static boolean transaction(KafkaProducer<String, String> producer, String topic, List<String> keys, String bad)
            throws Exception {
        producer.beginTransaction();
        java.util.concurrent.Future<?> sent = null;
        try {
            for (String key : keys) {
                Thread.sleep(PACE_MS);
                producer.send(marked(topic, key));
            }
            if (bad != null) {
                sent = producer.send(marked(topic, bad));
            }
            while (true) {
                try {
                    producer.commitTransaction();
                    return true;
                } catch (TimeoutException again) {
                    System.out.println("commits again after " + again);
                }
            }
        } catch (ProducerFencedException | AuthorizationException fatal) {
            throw fatal;
        } catch (KafkaException failure) {
            producer.abortTransaction();
            if (sent != null && isRefused(sent)) {
                System.out.println("refused " + bad);
            }
            return false;
        }
    }

    private static void step(String name, Step step) {
        try {
            step.run();
            System.out.println("ok " + name);
        } catch (Throwable failure) {
            System.out.println("failed " + name + ": " + failure.toString().replace('\n', ' '));
        }
    }

    private static void check(boolean holds, Object shown) {
        if (!holds) {
            throw new IllegalStateException("not as expected: " + shown);
        }
    }

    private void ask(String what) {
        System.out.println("please " + what);
        go.nextLine();
    }

    private Map<String, Object> login(String user, String token) {
        Map<String, Object> all = new HashMap<>();
        all.put("bootstrap.servers", scenario.getProperty("bootstrap"));
        all.put("security.protocol", "SASL_PLAINTEXT");
        all.put("sasl.mechanism", "PLAIN");
        all.put("sasl.jaas.config", "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"" + user
                + "\" password=\"" + token + "\";");
        return all;
    }

    private Map<String, Object> own() {
        return login(scenario.getProperty("username"), scenario.getProperty("password"));
    }

    private Map<String, Object> superUser() {
        return login(scenario.getProperty("super.username"), scenario.getProperty("super.password"));
    }

    private KafkaProducer<String, String> producer(Map<String, Object> more) {
        Map<String, Object> all = own();
        all.put("max.block.ms", 10_000);
        all.putAll(more);
        return new KafkaProducer<>(all, new StringSerializer(), new StringSerializer());
    }

    private KafkaConsumer<String, String> consumer(String group, String protocol) {
        Map<String, Object> all = own();
        all.put("group.id", group);
        all.put("group.protocol", protocol);
        all.put("auto.offset.reset", "earliest");
        all.put("enable.auto.commit", "false");
        all.put("isolation.level", "read_committed");
        return new KafkaConsumer<>(all, new StringDeserializer(), new StringDeserializer());
    }

    /** The error that a future failed with. */
    private static Throwable failure(Callable<?> call) throws Exception {
        try {
            Object value = call.call();
            throw new IllegalStateException("no error but " + value);
        } catch (ExecutionException failure) {
            return failure.getCause();
        }
    }

    private void login() throws Exception {
        try (Admin admin = Admin.create(own())) {
            admin.describeCluster().nodes().get();
        }
        try (Admin admin = Admin.create(login(scenario.getProperty("username"), "wrong"))) {
            Throwable failure = failure(() -> admin.describeCluster().nodes().get());
            check(failure instanceof SaslAuthenticationException, failure);
        }
    }

    private void metadata() throws Exception {
        try (Admin admin = Admin.create(own())) {
            Set<String> names = new TreeSet<>(admin.listTopics().names().get());
            check(names.equals(Set.of(orders, prefix + "-copies")), names);
            for (var topic : admin.describeTopics(names).allTopicNames().get().values()) {
                check(topic.partitions().size() == 2, topic);
            }
        }
    }

    private void create() throws Exception {
        try (Admin admin = Admin.create(own())) {
            NewTopic topic = new NewTopic(prefix + "-created", 1, (short) 1);
            Throwable failure = failure(() -> admin.createTopics(List.of(topic)).all().get());
            check(failure instanceof TopicAuthorizationException || failure instanceof PolicyViolationException, failure);
        }
    }

    private void produce(String codec, String compression, boolean idempotent) throws Exception {
        Map<String, Object> more = Map.of(
                "compression.type", compression, "enable.idempotence", idempotent, "linger.ms", 50, "acks", "all");
        try (var producer = producer(more)) {
            List<java.util.concurrent.Future<?>> sent = new ArrayList<>();
            for (int n = 0; n < COUNT; n++) {
                var header = new RecordHeader("codec", codec.getBytes());
                sent.add(producer.send(
                        new ProducerRecord<>(orders, null, codec + "-key-" + n, codec + "-" + n, List.of(header))));
            }
            for (var one : sent) {
                one.get();
            }
        }
        for (int n = 0; n < COUNT; n++) {
            written.add(codec + "-" + n);
        }
    }

    /** Polls until so many records are there. */
    private static List<ConsumerRecord<String, String>> read(KafkaConsumer<String, String> consumer, int count) {
        List<ConsumerRecord<String, String>> all = new ArrayList<>();
        long end = System.currentTimeMillis() + LIMIT_MS;
        while (all.size() < count && System.currentTimeMillis() < end) {
            consumer.poll(POLL).forEach(all::add);
        }
        // One more, for what must not come.
        consumer.poll(POLL).forEach(all::add);
        return all;
    }

    private static Set<String> values(Collection<ConsumerRecord<String, String>> records) {
        return records.stream().map(ConsumerRecord::value).collect(Collectors.toCollection(TreeSet::new));
    }

    private void group(String first, String second, String name, String protocol) {
        String group = prefix + "-app-" + name;
        Set<String> rest = new HashSet<>(written);
        step(first, () -> {
            try (var consumer = consumer(group, protocol)) {
                consumer.subscribe(List.of(orders));
                var all = read(consumer, written.size());
                check(all.size() == written.size() && values(all).equals(written), all.size() + " " + values(all));
                for (var record : all) {
                    String codec = record.value().substring(0, record.value().lastIndexOf('-'));
                    check(record.key().startsWith(codec + "-key-"), record);
                    check(new String(record.headers().lastHeader("codec").value()).equals(codec), record);
                }
                Map<TopicPartition, OffsetAndMetadata> half = new HashMap<>();
                for (TopicPartition partition : consumer.assignment()) {
                    half.put(partition, new OffsetAndMetadata(consumer.position(partition) / 2));
                }
                consumer.commitSync(half);
                for (var record : all) {
                    if (record.offset() < half.get(new TopicPartition(orders, record.partition())).offset()) {
                        rest.remove(record.value());
                    }
                }
            }
        });
        step(second, () -> {
            try (var consumer = consumer(group, protocol)) {
                consumer.subscribe(List.of(orders));
                var all = read(consumer, rest.size());
                check(all.size() == rest.size() && values(all).equals(rest), all.size() + " of " + rest.size());
                consumer.commitSync();
            }
        });
    }

    private void transaction() throws Exception {
        String id = prefix + "-app-copier";
        try (var consumer = consumer(id, "classic"); var producer = producer(Map.of("transactional.id", id))) {
            producer.initTransactions();
            consumer.subscribe(List.of(orders));
            boolean aborted = false;
            int copied = 0;
            long end = System.currentTimeMillis() + LIMIT_MS;
            while (copied < written.size() && System.currentTimeMillis() < end) {
                var records = consumer.poll(POLL);
                if (records.isEmpty()) {
                    continue;
                }
                producer.beginTransaction();
                Map<TopicPartition, OffsetAndMetadata> next = new HashMap<>();
                for (var record : records) {
                    producer.send(new ProducerRecord<>(prefix + "-copies", record.key(), record.value().toUpperCase()));
                    next.put(new TopicPartition(record.topic(), record.partition()),
                            new OffsetAndMetadata(record.offset() + 1));
                }
                producer.sendOffsetsToTransaction(next, consumer.groupMetadata());
                if (aborted) {
                    producer.commitTransaction();
                    copied += records.count();
                } else {
                    producer.abortTransaction();
                    consumer.seekToBeginning(records.partitions());
                    aborted = true;
                }
            }
            check(copied == written.size(), copied);
        }
    }

    private void cluster() throws Exception {
        try (Admin admin = Admin.create(own())) {
            var cluster = admin.describeCluster();
            int brokers = Integer.parseInt(scenario.getProperty("brokers"));
            check(cluster.nodes().get().size() == brokers && !cluster.clusterId().get().isEmpty(), cluster.nodes().get());
        }
    }

    private void offsets() throws Exception {
        try (Admin admin = Admin.create(own())) {
            long sum = 0;
            for (int partition = 0; partition < 2; partition++) {
                TopicPartition one = new TopicPartition(orders, partition);
                sum += admin.listOffsets(Map.of(one, OffsetSpec.latest())).partitionResult(one).get().offset();
                sum -= admin.listOffsets(Map.of(one, OffsetSpec.earliest())).partitionResult(one).get().offset();
            }
            check(sum == written.size(), sum);
        }
    }

    private void configs() throws Exception {
        try (Admin admin = Admin.create(own())) {
            ConfigResource topic = new ConfigResource(ConfigResource.Type.TOPIC, orders);
            var config = admin.describeConfigs(List.of(topic)).all().get().get(topic);
            check("delete".equals(config.get("cleanup.policy").value()), config);
        }
    }

    private void groups() throws Exception {
        String group = prefix + "-app-classic";
        try (Admin admin = Admin.create(own())) {
            var names = admin.listConsumerGroups().all().get().stream().map(one -> one.groupId()).toList();
            check(names.contains(group), names);
            check(admin.describeConsumerGroups(List.of(group)).all().get().containsKey(group), group);
            var offsets = admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get();
            long sum = offsets.values().stream().mapToLong(OffsetAndMetadata::offset).sum();
            check(sum == written.size(), offsets);
        }
    }

    private void acls() throws Exception {
        try (Admin admin = Admin.create(superUser())) {
            var binding = new AclBinding(
                    new ResourcePattern(ResourceType.TOPIC, prefix + "-else", PatternType.LITERAL),
                    new AccessControlEntry("User:nobody", "*", AclOperation.READ, AclPermissionType.ALLOW));
            admin.createAcls(List.of(binding)).all().get();
            check(admin.describeAcls(binding.toFilter()).values().get().size() == 1, "described");
            check(admin.deleteAcls(List.of(binding.toFilter())).all().get().size() == 1, "deleted");
            check(admin.describeAcls(binding.toFilter()).values().get().isEmpty(), "gone");
        }
    }

    private void deniedWrite() {
        try (var producer = producer(Map.of())) {
            var record = new ProducerRecord<>(prefix + "-closed", "key", "granted");
            step("denied-write", () -> {
                Throwable failure = failure(() -> producer.send(record).get());
                check(failure instanceof TopicAuthorizationException, failure);
            });
            ask("grant-write");
            step("granted-write", () -> producer.send(record).get());
        }
    }

    private void deniedGroup() {
        try (var consumer = consumer(prefix + "-closed", "classic")) {
            consumer.subscribe(List.of(orders));
            step("denied-group", () -> {
                try {
                    read(consumer, 1);
                } catch (GroupAuthorizationException expected) {
                    return;
                }
                check(false, "no error");
            });
            ask("grant-group");
            step("granted-group", () -> check(read(consumer, written.size()).size() == written.size(), "count"));
        }
    }
}
