// The Java client does the steps of steps.txt. It compiles with kafka-clients 3.9 and 4.x.
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
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.GroupAuthorizationException;
import org.apache.kafka.common.errors.PolicyViolationException;
import org.apache.kafka.common.errors.SaslAuthenticationException;
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

    private final Properties scenario = new Properties();
    private final String prefix;
    private final String orders;
    private final Set<String> written = new TreeSet<>();
    private final Scanner go = new Scanner(System.in);

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
        new Client(arguments[0]).all();
        System.exit(0);
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
