// Reads records, writes them in upper case and commits both in one transaction, until so many are committed.
// Every seventh transaction is aborted once. Whatever fails is done again from what was committed. After the line "hold" on
// standard input it stops in the middle of its next transaction, says "holding" and goes on at the next line.
//
// Copier BOOTSTRAP PROPERTIES INPUT OUTPUT RECORDS, run from source: java -cp 'libs/*' Copier.java …

import java.io.BufferedReader;
import java.io.FileReader;
import java.io.InputStreamReader;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

public class Copier {
    private static final String ID = "copier";
    private static final int ABORT_EVERY = 7;

    private final Properties common = new Properties();
    private final String input;
    private final String output;
    private final long wanted;
    private final BlockingQueue<String> told = new LinkedBlockingQueue<>();
    private int transactions;

    private Copier(String[] arguments) throws Exception {
        try (FileReader file = new FileReader(arguments[1])) {
            common.load(file);
        }
        common.put("bootstrap.servers", arguments[0]);
        input = arguments[2];
        output = arguments[3];
        wanted = Long.parseLong(arguments[4]);
    }

    public static void main(String[] arguments) throws Exception {
        Copier copier = new Copier(arguments);
        Thread listener = new Thread(() -> new BufferedReader(new InputStreamReader(System.in)).lines().forEach(copier.told::add));
        listener.setDaemon(true);
        listener.start();
        boolean finished = false;
        while (!finished) {
            try {
                finished = copier.copy();
            } catch (KafkaException failure) {
                System.out.println("again after " + failure);
            }
        }
        System.out.println("finished");
    }

    /** Copies with one consumer and one producer until all is done or something fails. */
    private boolean copy() throws InterruptedException {
        try (Consumer<String, String> consumer = consumer(); Producer<String, String> producer = producer()) {
            producer.initTransactions();
            consumer.subscribe(List.of(input));
            long committed = 0;
            while (committed < wanted) {
                var records = consumer.poll(Duration.ofMillis(500));
                if (!records.isEmpty()) {
                    transaction(consumer, producer, records);
                    // Slow enough for something to happen meanwhile.
                    Thread.sleep(80);
                }
                committed = committed(consumer);
                System.out.println("committed " + committed);
            }
            return true;
        }
    }

    private void transaction(
            Consumer<String, String> consumer,
            Producer<String, String> producer,
            Iterable<ConsumerRecord<String, String>> records)
            throws InterruptedException {
        transactions++;
        producer.beginTransaction();
        Map<TopicPartition, OffsetAndMetadata> next = new HashMap<>();
        for (ConsumerRecord<String, String> record : records) {
            producer.send(new ProducerRecord<>(output, record.key(), record.value().toUpperCase()));
            TopicPartition partition = new TopicPartition(record.topic(), record.partition());
            next.put(partition, new OffsetAndMetadata(record.offset() + 1));
        }
        producer.sendOffsetsToTransaction(next, consumer.groupMetadata());
        if (told.poll() != null) {
            producer.flush();
            System.out.println("holding");
            told.take();
        }
        if (transactions % ABORT_EVERY == 0) {
            producer.flush();
            producer.abortTransaction();
            rewind(consumer);
            System.out.println("aborted");
        } else {
            producer.commitTransaction();
        }
    }

    /** Goes back to what was committed. */
    private static void rewind(Consumer<String, String> consumer) {
        Map<TopicPartition, OffsetAndMetadata> committed = consumer.committed(consumer.assignment());
        for (TopicPartition partition : consumer.assignment()) {
            OffsetAndMetadata offset = committed.get(partition);
            consumer.seek(partition, offset == null ? 0 : offset.offset());
        }
    }

    private long committed(Consumer<String, String> consumer) {
        var partitions = consumer.partitionsFor(input).stream()
                .map(one -> new TopicPartition(one.topic(), one.partition()))
                .collect(Collectors.toSet());
        return consumer.committed(partitions).values().stream()
                .mapToLong(offset -> offset == null ? 0 : offset.offset())
                .sum();
    }

    private Consumer<String, String> consumer() {
        Properties properties = new Properties();
        properties.putAll(common);
        properties.put("group.id", ID);
        properties.put("enable.auto.commit", "false");
        properties.put("auto.offset.reset", "earliest");
        properties.put("isolation.level", "read_committed");
        properties.put("max.poll.records", "50");
        return new KafkaConsumer<>(properties, new StringDeserializer(), new StringDeserializer());
    }

    private Producer<String, String> producer() {
        Properties properties = new Properties();
        properties.putAll(common);
        properties.put("transactional.id", ID);
        properties.put("transaction.timeout.ms", "60000");
        return new KafkaProducer<>(properties, new StringSerializer(), new StringSerializer());
    }
}
