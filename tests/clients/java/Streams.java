// Kafka Streams, exactly once: counts the orders per codec in a store with a changelog, behind a repartition topic, and
// writes each count to the copies. It is closed half way and started anew, with the store restored from its changelog.
// Or it follows topics if the scenario says so.
//
// Streams SCENARIO, run from source: java -cp 'libs/*' Streams.java …

import java.io.FileReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Scanner;
import java.util.TreeMap;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;

public class Streams {
    private static final int KEYS = 5;
    private static final int HALF = 100;
    private static final Duration LIMIT = Duration.ofSeconds(60);

    private final Properties scenario = new Properties();
    private final String prefix;

    private Streams(String file) throws Exception {
        try (FileReader reader = new FileReader(file)) {
            scenario.load(reader);
        }
        prefix = scenario.getProperty("prefix");
    }

    public static void main(String[] arguments) throws Exception {
        Streams streams = new Streams(arguments[0]);
        if (streams.scenario.containsKey("follow")) {
            streams.follow();
            System.exit(0);
        }
        System.out.println("please grant-streams");
        new Scanner(System.in).nextLine();
        streams.step("streams", "classic");
        streams.step("streams-1071", "streams");
        System.exit(0);
    }

    /** Follows each topic with an application of its own, until there is no input any more. */
    private void follow() throws Exception {
        Path directory = Files.createTempDirectory("klamm-streams");
        List<KafkaStreams> all = new ArrayList<>();
        for (String line : scenario.getProperty("follow").split(",")) {
            String[] words = line.split(":");
            StreamsBuilder builder = new StreamsBuilder();
            builder.<String, String>stream(words[0])
                    .foreach((key, value) -> System.out.println("got " + words[3] + " " + value));
            Properties properties = properties(words[3], words[2], directory);
            boolean committed = words[1].equals("read_committed");
            properties.put("processing.guarantee", committed ? "exactly_once_v2" : "at_least_once");
            properties.put("commit.interval.ms", scenario.getProperty("commit.ms"));
            properties.put("consumer.max.partition.fetch.bytes", scenario.getProperty("fetch.bytes"));
            KafkaStreams streams = new KafkaStreams(builder.build(), properties);
            streams.start();
            all.add(streams);
        }
        while (System.in.read() >= 0) {}
        all.forEach(KafkaStreams::close);
        delete(directory);
    }

    private static void delete(Path directory) throws Exception {
        try (var files = Files.walk(directory)) {
            files.sorted(java.util.Comparator.reverseOrder()).forEach(file -> file.toFile().delete());
        }
    }

    private void step(String name, String protocol) {
        try {
            run(name, protocol);
            System.out.println("ok " + name);
        } catch (Throwable failure) {
            System.out.println("failed " + name + ": " + failure.toString().replace('\n', ' '));
        }
    }

    private Map<String, Object> own() {
        Map<String, Object> all = new HashMap<>();
        all.put("bootstrap.servers", scenario.getProperty("bootstrap"));
        all.put("security.protocol", "SASL_PLAINTEXT");
        all.put("sasl.mechanism", "PLAIN");
        all.put("sasl.jaas.config", "org.apache.kafka.common.security.plain.PlainLoginModule required username=\""
                + scenario.getProperty("username") + "\" password=\"" + scenario.getProperty("password") + "\";");
        return all;
    }

    private KafkaStreams topology(String name, String protocol, Path directory) {
        StreamsBuilder builder = new StreamsBuilder();
        var counts = builder.<String, String>stream(prefix + "-app-" + name + "-in")
                .selectKey((key, value) -> value.substring(0, value.indexOf('-')))
                .groupByKey(Grouped.with(Serdes.String(), Serdes.String()))
                .count(Materialized.as("counts"));
        counts.toStream().mapValues(String::valueOf).to(prefix + "-app-" + name + "-out");
        Properties properties = properties(prefix + "-app-" + name, protocol, directory);
        properties.put("processing.guarantee", "exactly_once_v2");
        properties.put("commit.interval.ms", 200);
        // Every count goes out, so that a lost or a repeated one shows.
        properties.put("statestore.cache.max.bytes", 0);
        properties.put("replication.factor", 1);
        return new KafkaStreams(builder.build(), properties);
    }

    private Properties properties(String application, String protocol, Path directory) {
        Properties properties = new Properties();
        properties.putAll(own());
        properties.put("application.id", application);
        properties.put("group.protocol", protocol);
        properties.put("default.key.serde", Serdes.StringSerde.class);
        properties.put("default.value.serde", Serdes.StringSerde.class);
        properties.put("state.dir", directory.toString());
        properties.put("consumer.auto.offset.reset", "earliest");
        return properties;
    }

    private void run(String name, String protocol) throws Exception {
        String in = prefix + "-app-" + name + "-in";
        try (Admin admin = Admin.create(own())) {
            admin.createTopics(List.of(in, prefix + "-app-" + name + "-out").stream()
                    .map(topic -> new org.apache.kafka.clients.admin.NewTopic(topic, 2, (short) 1)).toList()).all().get();
        }
        for (int round = 0; round < 2; round++) {
            write(in, round);
            Path directory = Files.createTempDirectory("klamm-streams");
            try (KafkaStreams streams = topology(name, protocol, directory)) {
                streams.start();
                check(read(prefix + "-app-" + name + "-out", HALF * (round + 1)), round, streams);
            } finally {
                delete(directory);
            }
        }
    }

    private void write(String topic, int round) {
        try (var producer = new KafkaProducer<>(own(), new StringSerializer(), new StringSerializer())) {
            for (int n = 0; n < HALF; n++) {
                producer.send(new ProducerRecord<>(topic, "k" + n, "key" + n % KEYS + "-" + round + "-" + n));
            }
        }
    }

    /** The counts of each key in order, once there are so many, and what comes a little later. */
    private Map<String, List<String>> read(String topic, int count) {
        Map<String, Object> all = own();
        all.put("isolation.level", "read_committed");
        all.put("auto.offset.reset", "earliest");
        Map<String, List<String>> counts = new TreeMap<>();
        try (var consumer = new KafkaConsumer<>(all, new StringDeserializer(), new StringDeserializer())) {
            consumer.assign(List.of(new TopicPartition(topic, 0), new TopicPartition(topic, 1)));
            consumer.seekToBeginning(consumer.assignment());
            int seen = 0;
            long end = System.currentTimeMillis() + LIMIT.toMillis();
            while (seen < count && System.currentTimeMillis() < end) {
                for (var record : consumer.poll(Duration.ofMillis(200))) {
                    counts.computeIfAbsent(record.key(), key -> new ArrayList<>()).add(record.value());
                    seen++;
                }
            }
            for (var record : consumer.poll(Duration.ofMillis(500))) {
                counts.computeIfAbsent(record.key(), key -> new ArrayList<>()).add(record.value());
            }
        }
        return counts;
    }

    /** Exactly once: each key is counted 1, 2, 3, … without a gap or a repetition. */
    private static void check(Map<String, List<String>> counts, int round, KafkaStreams streams) {
        List<String> expected = new ArrayList<>();
        for (int n = 1; n <= HALF / KEYS * (round + 1); n++) {
            expected.add(String.valueOf(n));
        }
        boolean right = counts.size() == KEYS && counts.values().stream().allMatch(expected::equals);
        if (!right) {
            throw new IllegalStateException("round " + round + ", " + streams.state() + ": " + counts);
        }
    }
}
