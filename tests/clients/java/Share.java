// What needs a share consumer, which the Java client has since 4.0: a step of steps.txt, or to follow topics.
//
// Share SCENARIO, run from source: java -cp 'libs/*' Share.java …

import java.io.FileReader;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeSet;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaShareConsumer;
import org.apache.kafka.common.serialization.StringDeserializer;

public class Share {
    private static final int WRITTEN = 120;
    private static final long LIMIT_MS = 25_000;

    public static void main(String[] arguments) throws Exception {
        Properties scenario = new Properties();
        try (FileReader reader = new FileReader(arguments[0])) {
            scenario.load(reader);
        }
        if (scenario.containsKey("follow")) {
            follow(scenario);
        } else {
            try {
                read(scenario);
                System.out.println("ok share");
            } catch (Throwable failure) {
                System.out.println("failed share: " + failure);
            }
        }
        System.exit(0);
    }

    /** Follows each topic in a share group of its own, until there is no input any more. */
    private static void follow(Properties scenario) throws Exception {
        for (String line : scenario.getProperty("follow").split(",")) {
            String[] words = line.split(":");
            Thread thread = new Thread(() -> follow(scenario, words[0], words[3]));
            thread.setDaemon(true);
            thread.start();
        }
        while (System.in.read() >= 0) {}
    }

    private static void follow(Properties scenario, String topic, String group) {
        Map<String, Object> all = own(scenario);
        all.put("group.id", group);
        all.put("fetch.max.bytes", scenario.getProperty("fetch.bytes"));
        try (var consumer = new KafkaShareConsumer<>(all, new StringDeserializer(), new StringDeserializer())) {
            consumer.subscribe(List.of(topic));
            while (true) {
                for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(200))) {
                    System.out.println("got " + group + " " + record.value());
                }
            }
        } catch (Throwable failure) {
            System.out.println("failed " + group + ": " + failure.toString().replace('\n', ' '));
        }
    }

    private static Map<String, Object> own(Properties scenario) {
        Map<String, Object> all = new HashMap<>();
        all.put("bootstrap.servers", scenario.getProperty("bootstrap"));
        all.put("security.protocol", "SASL_PLAINTEXT");
        all.put("sasl.mechanism", "PLAIN");
        all.put("sasl.jaas.config", "org.apache.kafka.common.security.plain.PlainLoginModule required username=\""
                + scenario.getProperty("username") + "\" password=\"" + scenario.getProperty("password") + "\";");
        return all;
    }

    private static void read(Properties scenario) {
        String prefix = scenario.getProperty("prefix");
        Map<String, Object> all = own(scenario);
        all.put("group.id", prefix + "-app-share");
        all.put("share.acknowledgement.mode", "explicit");
        TreeSet<String> values = new TreeSet<>();
        int count = 0;
        try (var consumer = new KafkaShareConsumer<>(all, new StringDeserializer(), new StringDeserializer())) {
            consumer.subscribe(List.of(prefix + "-orders"));
            long end = System.currentTimeMillis() + LIMIT_MS;
            while (count < WRITTEN && System.currentTimeMillis() < end) {
                for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(200))) {
                    consumer.acknowledge(record);
                    values.add(record.value());
                    count++;
                }
                consumer.commitSync();
            }
        }
        if (count != WRITTEN || values.size() != WRITTEN) {
            throw new IllegalStateException(count + " records, " + values.size() + " values");
        }
    }
}
