// A transactional producer, and a group of one consumer that reads what was committed: it says when each transaction was committed, or
// had to be aborted, and when each of its records was read.
//
// Switched SCENARIO, until the end of its input.

import java.io.FileReader;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

public class Switched {
    private static final int RECORDS = 3;
    private static final long PACE_MS = 10;
    private static final long AGAIN_MS = 100;

    private static synchronized void say(String what) {
        System.out.println(what);
    }

    private static Map<String, Object> settings(Properties scenario) {
        Map<String, Object> settings = new HashMap<>();
        settings.put("bootstrap.servers", scenario.getProperty("bootstrap"));
        settings.put("security.protocol", "SASL_PLAINTEXT");
        settings.put("sasl.mechanism", "PLAIN");
        settings.put("sasl.jaas.config", "org.apache.kafka.common.security.plain.PlainLoginModule required username=\""
                + scenario.getProperty("username") + "\" password=\"" + scenario.getProperty("password") + "\";");
        return settings;
    }

    private static void read(Properties scenario, String beginning) {
        Map<String, Object> settings = settings(scenario);
        settings.put("group.id", "switched-" + scenario.getProperty("client"));
        settings.put("group.protocol", scenario.getProperty("protocol"));
        settings.put("auto.offset.reset", "earliest");
        settings.put("isolation.level", "read_committed");
        try (KafkaConsumer<String, String> consumer =
                new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer())) {
            consumer.subscribe(List.of(scenario.getProperty("topic")));
            while (true) {
                consumer.poll(Duration.ofMillis(200)).forEach(record -> {
                    if (record.value().startsWith(beginning)) {
                        say("read " + System.currentTimeMillis() + " " + record.value().substring(beginning.length()));
                    }
                });
            }
        } catch (RuntimeException e) {
            say("failed to read: " + e);
        }
    }

    private static void write(KafkaProducer<String, String> producer, String topic, String value) throws InterruptedException {
        producer.beginTransaction();
        for (int part = 0; part < RECORDS; part++) {
            producer.send(new ProducerRecord<>(topic, value + " " + part));
            producer.flush();
            Thread.sleep(PACE_MS);
        }
        producer.commitTransaction();
    }

    public static void main(String[] arguments) throws Exception {
        Properties scenario = new Properties();
        try (FileReader file = new FileReader(arguments[0])) {
            scenario.load(file);
        }
        String beginning = scenario.getProperty("client") + " ";
        Thread reader = new Thread(() -> read(scenario, beginning));
        reader.setDaemon(true);
        reader.start();
        Map<String, Object> settings = settings(scenario);
        settings.put("transactional.id", "switched-" + scenario.getProperty("client"));
        settings.put("transaction.timeout.ms", scenario.getProperty("timeout"));
        KafkaProducer<String, String> producer =
                new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer());
        producer.initTransactions();
        for (int number = 0; System.in.available() == 0; number++) {
            try {
                write(producer, scenario.getProperty("topic"), beginning + number);
                say("committed " + System.currentTimeMillis() + " " + number);
            } catch (KafkaException e) {
                say("aborts " + System.currentTimeMillis() + " " + number + " " + e);
                try {
                    producer.abortTransaction();
                } catch (KafkaException f) {
                    // The producer cannot go on.
                    say("failed to abort: " + f);
                    System.exit(1);
                }
                Thread.sleep(AGAIN_MS);
            }
        }
        producer.close();
        System.exit(0);
    }
}
