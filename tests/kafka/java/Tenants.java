// Tenants with the same names do the same things at the same moments; each prints what it sees, its own mark left out.
//
// Tenants (NAME BOOTSTRAP PROPERTIES PREFIX OWNER)…, run from source: java -cp 'libs/*' Tenants.java …
// NAME is in the records; PREFIX begins every name and is left out of what is printed; OWNER: true or false, whether the
// topic may be made and changed. Lines are `NAME: what`; those that only an owner prints begin with `own `.

import java.io.FileReader;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.TreeSet;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.KafkaShareConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

public class Tenants {
    private static final int WORDS = 5;
    private static final int RECORDS = 20;
    private static final Duration LIMIT = Duration.ofSeconds(40);

    private final CyclicBarrier together;
    private final String name;
    private final String prefix;
    private final boolean owner;
    private final Properties common = new Properties();
    private final TopicPartition partition;
    private final String group;
    private final String assigned;
    private final String shared;
    private final String transaction;

    private Tenants(CyclicBarrier together, List<String> words) throws Exception {
        this.together = together;
        name = words.get(0);
        try (FileReader file = new FileReader(words.get(2))) {
            common.load(file);
        }
        common.put("bootstrap.servers", words.get(1));
        prefix = words.get(3);
        owner = Boolean.parseBoolean(words.get(4));
        partition = new TopicPartition(prefix + "orders", 0);
        group = prefix + "app";
        assigned = prefix + "assigned";
        shared = prefix + "shared";
        transaction = prefix + "pay";
    }

    public static void main(String[] arguments) throws Exception {
        int count = arguments.length / WORDS;
        CyclicBarrier together = new CyclicBarrier(count);
        ExecutorService threads = Executors.newFixedThreadPool(count);
        List<Future<?>> running = new ArrayList<>();
        for (int at = 0; at < count; at++) {
            Tenants tenant = new Tenants(together, List.of(arguments).subList(at * WORDS, (at + 1) * WORDS));
            running.add(threads.submit(() -> {
                tenant.work();
                return null;
            }));
        }
        try {
            for (Future<?> one : running) {
                one.get(3, TimeUnit.MINUTES);
            }
        } catch (Exception failure) {
            failure.printStackTrace();
            System.exit(1);
        }
        System.exit(0);
    }

    private void work() throws Exception {
        try (Admin admin = Admin.create(common)) {
            if (owner) {
                NewTopic topic = new NewTopic(partition.topic(), 1, (short) 1);
                admin.createTopics(List.of(topic.configs(Map.of("retention.ms", name.length() + "000000")))).all().get();
                awaitTopic(admin);
            }
            together();
            produce();
            together();
            consume(admin);
            together();
            consumeAssigned(admin);
            together();
            share(admin);
            together();
            look(admin);
            together();
            change(admin);
        }
    }

    /** One transaction is committed, one aborted, and the next producer of that id fences the first. */
    private void produce() throws Exception {
        try (KafkaProducer<String, String> first = producer(); KafkaProducer<String, String> second = producer()) {
            first.initTransactions();
            together();
            first.beginTransaction();
            send(first, "committed");
            together();
            first.commitTransaction();
            first.beginTransaction();
            send(first, "aborted");
            first.flush();
            together();
            first.abortTransaction();
            together();
            second.initTransactions();
            second.beginTransaction();
            send(second, "second");
            second.commitTransaction();
            together();
            try {
                first.beginTransaction();
                send(first, "fenced");
                first.commitTransaction();
                say("first goes on");
            } catch (KafkaException fenced) {
                say("first is " + fenced.getClass().getSimpleName());
            }
        }
    }

    private void send(KafkaProducer<String, String> producer, String what) {
        for (int at = 0; at < RECORDS; at++) {
            producer.send(new ProducerRecord<>(partition.topic(), name, name + " " + what + " " + at));
        }
    }

    private void consume(Admin admin) throws Exception {
        Properties properties = with("group.id", group);
        properties.put("auto.offset.reset", "earliest");
        properties.put("enable.auto.commit", "false");
        properties.put("isolation.level", "read_committed");
        properties.put("client.id", "reader");
        try (KafkaConsumer<String, String> consumer =
                new KafkaConsumer<>(properties, new StringDeserializer(), new StringDeserializer())) {
            consumer.subscribe(List.of(partition.topic()));
            long deadline = System.nanoTime() + LIMIT.toNanos();
            int read = 0;
            while (read < 2 * RECORDS && System.nanoTime() < deadline) {
                for (var record : consumer.poll(Duration.ofMillis(200))) {
                    read++;
                    say("reads " + record.offset() + " " + record.key() + " " + record.value());
                }
            }
            consumer.commitSync();
            together();
            var members = admin.describeConsumerGroups(List.of(group)).all().get().get(group).members();
            members.forEach(member -> say("member " + member.clientId() + " " + member.assignment().topicPartitions()));
            together();
        }
    }

    /** A group whose brokers assign (KIP-848), of one member. */
    private void consumeAssigned(Admin admin) throws Exception {
        Properties properties = with("group.id", assigned);
        properties.put("group.protocol", "consumer");
        properties.put("auto.offset.reset", "earliest");
        properties.put("enable.auto.commit", "false");
        properties.put("isolation.level", "read_committed");
        properties.put("client.id", "assigned");
        try (KafkaConsumer<String, String> consumer =
                new KafkaConsumer<>(properties, new StringDeserializer(), new StringDeserializer())) {
            consumer.subscribe(List.of(partition.topic()));
            long deadline = System.nanoTime() + LIMIT.toNanos();
            int read = 0;
            while (read < 2 * RECORDS && System.nanoTime() < deadline) {
                for (var record : consumer.poll(Duration.ofMillis(200))) {
                    read++;
                    say("is assigned " + record.offset() + " " + record.value());
                }
            }
            consumer.commitSync();
            together();
            var group = admin.describeConsumerGroups(List.of(assigned)).all().get().get(assigned);
            group.members().forEach(member ->
                say("member " + group.type() + " " + member.clientId() + " " + member.assignment().topicPartitions()));
            say("assigned offset " + offset(admin, assigned).orElse(-1L));
            together();
        }
    }

    /** A share group, which reads what was aborted, too. */
    private void share(Admin admin) throws Exception {
        ConfigResource group = new ConfigResource(ConfigResource.Type.GROUP, shared);
        ConfigEntry earliest = new ConfigEntry("share.auto.offset.reset", "earliest");
        admin.incrementalAlterConfigs(
            Map.of(group, List.of(new AlterConfigOp(earliest, AlterConfigOp.OpType.SET)))).all().get();
        together();
        try (KafkaShareConsumer<String, String> consumer =
                new KafkaShareConsumer<>(with("group.id", shared), new StringDeserializer(), new StringDeserializer())) {
            consumer.subscribe(List.of(partition.topic()));
            long deadline = System.nanoTime() + LIMIT.toNanos();
            TreeSet<String> read = new TreeSet<>();
            while (read.size() < 3 * RECORDS && System.nanoTime() < deadline) {
                consumer.poll(Duration.ofMillis(200)).forEach(record -> read.add(record.offset() + " " + record.value()));
            }
            read.forEach(record -> say("shares " + record));
            together();
            var members = admin.describeShareGroups(List.of(shared)).all().get().get(shared).members();
            members.forEach(member -> say("sharer of " + member.assignment().topicPartitions()));
            together();
        }
    }

    private void look(Admin admin) throws Exception {
        say("topics " + sorted(admin.listTopics().names().get()));
        say("groups " + sorted(admin.listGroups().all().get().stream().map(one -> one.groupId()).toList()));
        say("transactions " + sorted(
            admin.listTransactions().all().get().stream().map(one -> one.transactionalId()).toList()));
        say("offset " + offset(admin).orElse(-1L));
        say("end " + admin.listOffsets(Map.of(partition, OffsetSpec.latest())).partitionResult(partition).get().offset());
        say("producers " + admin.describeProducers(List.of(partition)).partitionResult(partition).get()
            .activeProducers().size());
    }

    /** The configuration of a topic once its broker has heard of the change from the controller. */
    private Config altered(Admin admin, ConfigResource topic) throws Exception {
        long deadline = System.nanoTime() + LIMIT.toNanos();
        while (true) {
            Config now = admin.describeConfigs(List.of(topic)).all().get().get(topic);
            boolean has = now.get("segment.ms").source() == ConfigEntry.ConfigSource.DYNAMIC_TOPIC_CONFIG;
            if (has || System.nanoTime() > deadline) {
                return now;
            }
            Thread.sleep(50);
        }
    }

    private void change(Admin admin) throws Exception {
        admin.deleteConsumerGroupOffsets(group, java.util.Set.of(partition)).all().get();
        together();
        say("offset " + offset(admin).orElse(-1L));
        if (owner) {
            ConfigResource topic = new ConfigResource(ConfigResource.Type.TOPIC, partition.topic());
            String retention = admin.describeConfigs(List.of(topic)).all().get().get(topic).get("retention.ms").value();
            say("own retention " + retention.equals(name.length() + "000000"));
            ConfigEntry segments = new ConfigEntry("segment.ms", name.length() + "0000000");
            admin.incrementalAlterConfigs(
                Map.of(topic, List.of(new AlterConfigOp(segments, AlterConfigOp.OpType.SET)))).all().get();
        }
        together();
        if (owner) {
            ConfigResource topic = new ConfigResource(ConfigResource.Type.TOPIC, partition.topic());
            Config now = altered(admin, topic);
            now.entries().stream().filter(entry -> entry.source() == ConfigEntry.ConfigSource.DYNAMIC_TOPIC_CONFIG)
                .map(entry -> entry.name() + " " + entry.value().startsWith(name.length() + "0")).sorted()
                .forEach(entry -> say("own config " + entry));
            long upTo = name.length();
            admin.deleteRecords(Map.of(partition, RecordsToDelete.beforeOffset(upTo))).all().get();
        }
        together();
        long first = admin.listOffsets(Map.of(partition, OffsetSpec.earliest())).partitionResult(partition).get().offset();
        if (owner) {
            say("own begin " + (first == name.length()));
        }
    }

    private Optional<Long> offset(Admin admin) throws Exception {
        return offset(admin, group);
    }

    private Optional<Long> offset(Admin admin, String group) throws Exception {
        return Optional.ofNullable(
            admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().get(partition))
            .map(committed -> committed.offset());
    }

    private void awaitTopic(Admin admin) throws Exception {
        long deadline = System.nanoTime() + LIMIT.toNanos();
        while (!admin.listTopics().names().get().contains(partition.topic()) && System.nanoTime() < deadline) {
            Thread.sleep(50);
        }
    }

    private KafkaProducer<String, String> producer() {
        return new KafkaProducer<>(with("transactional.id", transaction), new StringSerializer(), new StringSerializer());
    }

    private Properties with(String key, String value) {
        Properties properties = new Properties();
        properties.putAll(common);
        properties.put(key, value);
        return properties;
    }

    private static TreeSet<String> sorted(Collection<String> names) {
        return new TreeSet<>(names);
    }

    private void together() throws Exception {
        together.await(LIMIT.toSeconds(), TimeUnit.SECONDS);
    }

    /** Own names are left out, so that tenants can be compared: what remains of others would be seen. */
    private void say(String what) {
        String shown = prefix.isEmpty() ? what : what.replace(prefix, "");
        System.out.println(name + ": " + shown.replace(name, "own-name"));
    }
}
