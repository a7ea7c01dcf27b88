// A Java producer and a group of one consumer at their default settings: it says when each record was stored and when it was
// read, and its number.
//
// Pace SCENARIO, until the end of its input.

import java.io.FileReader;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

public class Pace {
    private static final long PACE_MS = 10;

    private static synchronized void say(String what) {
        System.out.println(what);
    }

    private static Map<String, Object> settings(Properties scenario) {
        Map<String, Object> settings = new HashMap<>();
        settings.put("bootstrap.servers", scenario.getProperty("bootstrap"));
        if (!scenario.getProperty("username").isEmpty()) {
            settings.put("security.protocol", "SASL_PLAINTEXT");
            settings.put("sasl.mechanism", "PLAIN");
            settings.put("sasl.jaas.config", "org.apache.kafka.common.security.plain.PlainLoginModule required username=\""
                    + scenario.getProperty("username") + "\" password=\"" + scenario.getProperty("password") + "\";");
        }
        return settings;
    }

    private static void read(Map<String, Object> settings, String topic) {
        Map<String, Object> more = new HashMap<>(settings);
        more.put("group.id", "pace-java");
        more.put("auto.offset.reset", "earliest");
        try (KafkaConsumer<String, String> consumer =
                new KafkaConsumer<>(more, new StringDeserializer(), new StringDeserializer())) {
            consumer.subscribe(List.of(topic));
            while (true) {
                consumer.poll(Duration.ofMillis(200)).forEach(record -> {
                    if (record.value().startsWith("java ")) {
                        say("read " + System.currentTimeMillis() + record.value().substring(4));
                    }
                });
            }
        } catch (RuntimeException e) {
            say("failed to read: " + e);
        }
    }

    public static void main(String[] arguments) throws Exception {
        Properties scenario = new Properties();
        try (FileReader file = new FileReader(arguments[0])) {
            scenario.load(file);
        }
        Map<String, Object> settings = settings(scenario);
        String topic = scenario.getProperty("topic");
        Thread reader = new Thread(() -> read(settings, topic));
        reader.setDaemon(true);
        reader.start();
        KafkaProducer<String, String> producer =
                new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer());
        for (int number = 0; System.in.available() == 0; number++) {
            String numbered = " " + number;
            producer.send(new ProducerRecord<>(topic, "java" + numbered), (stored, error) ->
                    say(error == null ? "stored " + System.currentTimeMillis() + numbered : "failed to write: " + error));
            Thread.sleep(PACE_MS);
        }
        producer.close();
        System.exit(0);
    }
}
