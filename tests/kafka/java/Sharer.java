// Reads topics in a share group (KIP-932), and prints topic and value of so many records as they come. Fails when there
// are not as many in time.
//
// Sharer BOOTSTRAP PROPERTIES GROUP RECORDS TOPIC…, run from source: java -cp 'libs/*' Sharer.java …

import java.io.FileReader;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaShareConsumer;
import org.apache.kafka.common.serialization.StringDeserializer;

public class Sharer {
    private static final Duration LIMIT = Duration.ofSeconds(80);

    public static void main(String[] arguments) throws Exception {
        Properties properties = new Properties();
        try (FileReader file = new FileReader(arguments[1])) {
            properties.load(file);
        }
        properties.put("bootstrap.servers", arguments[0]);
        properties.put("group.id", arguments[2]);
        long wanted = Long.parseLong(arguments[3]);
        Instant end = Instant.now().plus(LIMIT);
        StringDeserializer text = new StringDeserializer();
        try (KafkaShareConsumer<String, String> consumer = new KafkaShareConsumer<>(properties, text, text)) {
            consumer.subscribe(List.of(arguments).subList(4, arguments.length));
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
