// Subscribes by a regular expression that is sent to the group's coordinator (KIP-848), and prints topic and value of so
// many records as they come. Fails when there are not as many in time.
//
// Follower BOOTSTRAP PROPERTIES GROUP EXPRESSION RECORDS, run from source: java -cp 'libs/*' Follower.java …

import java.io.FileReader;
import java.time.Duration;
import java.time.Instant;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.SubscriptionPattern;
import org.apache.kafka.common.serialization.StringDeserializer;

public class Follower {
    private static final Duration LIMIT = Duration.ofSeconds(80);

    public static void main(String[] arguments) throws Exception {
        Properties properties = new Properties();
        try (FileReader file = new FileReader(arguments[1])) {
            properties.load(file);
        }
        properties.put("bootstrap.servers", arguments[0]);
        properties.put("group.id", arguments[2]);
        properties.put("group.protocol", "consumer");
        properties.put("auto.offset.reset", "earliest");
        long wanted = Long.parseLong(arguments[4]);
        Instant end = Instant.now().plus(LIMIT);
        StringDeserializer text = new StringDeserializer();
        try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(properties, text, text)) {
            consumer.subscribe(new SubscriptionPattern(arguments[3]));
            while (wanted > 0) {
                if (Instant.now().isAfter(end)) {
                    throw new IllegalStateException(wanted + " records are missing");
                }
                for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(200))) {
                    System.out.println(record.topic() + " " + record.value());
                    wanted--;
                }
            }
        }
    }
}
