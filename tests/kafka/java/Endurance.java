// One idempotent producer writes the same numbers to two topics while members of one group read them and come and go.
// Commands come by standard input: `rebalance` replaces a member, `finish` ends it once everything was read. Exits with an
// error when a record cannot be written, an offset is lost or goes back behind a commit.
//
// Endurance BOOTSTRAP PROPERTIES TOPIC TOPIC, run from source: java -cp 'libs/*' Endurance.java …

import java.io.BufferedReader;
import java.io.FileReader;
import java.io.InputStreamReader;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Collection;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.CommitFailedException;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.InvalidOffsetException;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

public class Endurance {
    private static final String GROUP = "endurance";
    private static final Duration POLL = Duration.ofMillis(200);

    private final Properties common = new Properties();
    private final List<String> topics;
    private final Map<String, Set<String>> seen = new ConcurrentHashMap<>();
    private final Map<TopicPartition, Long> committed = new ConcurrentHashMap<>();
    private final Deque<Member> members = new ArrayDeque<>();
    private volatile boolean isWriting = true;
    private volatile int written;

    private Endurance(String[] arguments) throws Exception {
        try (FileReader file = new FileReader(arguments[1])) {
            common.load(file);
        }
        common.put("bootstrap.servers", arguments[0]);
        common.put("request.timeout.ms", "10000");
        topics = List.of(arguments[2], arguments[3]);
        topics.forEach(topic -> seen.put(topic, ConcurrentHashMap.newKeySet()));
    }

    public static void main(String[] arguments) throws Exception {
        Endurance endurance = new Endurance(arguments);
        endurance.begin();
        Thread writer = new Thread(endurance::write);
        writer.start();
        endurance.add();
        endurance.add();
        BufferedReader commands = new BufferedReader(new InputStreamReader(System.in));
        for (String command = commands.readLine(); command != null; command = commands.readLine()) {
            switch (command) {
                case "rebalance" -> {
                    endurance.add().isAssigned.await();
                    endurance.members.removeFirst().leave();
                }
                case "finish" -> {
                    endurance.isWriting = false;
                    writer.join();
                    endurance.finish();
                    System.exit(0);
                }
                default -> fail("unknown command " + command);
            }
        }
        fail("the input has ended");
    }

    private static void fail(String why) {
        System.out.println("failed: " + why);
        System.exit(1);
    }

    private Member add() {
        Member member = new Member();
        members.addLast(member);
        member.start();
        return member;
    }

    /** Commits 0 everywhere, so that from now on nobody may find no offset. */
    private void begin() {
        try (KafkaConsumer<String, String> consumer = consumer()) {
            List<TopicPartition> all = topics.stream()
                    .flatMap(topic -> consumer.partitionsFor(topic).stream())
                    .map(one -> new TopicPartition(one.topic(), one.partition()))
                    .toList();
            consumer.assign(all);
            Map<TopicPartition, OffsetAndMetadata> zero =
                    all.stream().collect(Collectors.toMap(one -> one, one -> new OffsetAndMetadata(0)));
            consumer.commitSync(zero);
            all.forEach(one -> committed.put(one, 0L));
        }
    }

    private void write() {
        Properties properties = new Properties();
        properties.putAll(common);
        properties.put("enable.idempotence", "true");
        properties.put("delivery.timeout.ms", "170000");
        properties.put("linger.ms", "5");
        StringSerializer text = new StringSerializer();
        try (KafkaProducer<String, String> producer = new KafkaProducer<>(properties, text, text)) {
            while (isWriting) {
                String number = Integer.toString(written);
                for (String topic : topics) {
                    producer.send(new ProducerRecord<>(topic, number, number), (told, error) -> {
                        if (error != null) {
                            fail(topic + " " + number + ": " + error);
                        }
                    });
                }
                written++;
                Thread.sleep(5);
            }
            producer.flush();
        } catch (InterruptedException | KafkaException error) {
            fail("the producer: " + error);
        }
    }

    private void finish() throws InterruptedException {
        while (seen.values().stream().anyMatch(numbers -> numbers.size() < written)) {
            Thread.sleep(100);
        }
        for (Member member : members) {
            member.leave();
            member.join();
        }
        try (KafkaConsumer<String, String> consumer = consumer()) {
            consumer.assign(committed.keySet());
            Map<TopicPartition, Long> ends = consumer.endOffsets(committed.keySet());
            Map<TopicPartition, OffsetAndMetadata> kept = consumer.committed(committed.keySet());
            for (TopicPartition partition : committed.keySet()) {
                if (kept.get(partition).offset() != ends.get(partition)) {
                    fail(partition + " ends at " + ends.get(partition) + ", committed is " + kept.get(partition));
                }
            }
        }
        System.out.println("finished " + written);
    }

    private KafkaConsumer<String, String> consumer() {
        Properties properties = new Properties();
        properties.putAll(common);
        properties.put("group.id", GROUP);
        properties.put("enable.auto.commit", "false");
        properties.put("auto.offset.reset", "none");
        properties.put("session.timeout.ms", "10000");
        properties.put("heartbeat.interval.ms", "1000");
        StringDeserializer text = new StringDeserializer();
        return new KafkaConsumer<>(properties, text, text);
    }

    /** Says how far commits have come, by topic. */
    private synchronized void tell() {
        Map<String, Long> sums = new HashMap<>();
        committed.forEach((partition, offset) -> sums.merge(partition.topic(), offset, Long::sum));
        StringBuilder line = new StringBuilder("committed");
        topics.forEach(topic -> line.append(' ').append(sums.get(topic)));
        System.out.println(line);
    }

    /** A member of the group, which commits what it has read. */
    private final class Member extends Thread implements ConsumerRebalanceListener {
        private final KafkaConsumer<String, String> consumer = consumer();
        private final CountDownLatch isAssigned = new CountDownLatch(1);
        private volatile boolean isMember = true;

        void leave() {
            isMember = false;
        }

        @Override
        public void run() {
            consumer.subscribe(topics, this);
            while (isMember) {
                try {
                    ConsumerRecords<String, String> records = consumer.poll(POLL);
                    for (ConsumerRecord<String, String> record : records) {
                        seen.get(record.topic()).add(record.value());
                    }
                    commit(records);
                } catch (InvalidOffsetException lost) {
                    fail("an offset is lost: " + lost);
                } catch (CommitFailedException moved) {
                    System.out.println("no member any more: " + moved.getMessage());
                } catch (KafkaException error) {
                    System.out.println("again after " + error);
                }
            }
            consumer.close();
        }

        private void commit(ConsumerRecords<String, String> records) {
            if (records.isEmpty()) {
                return;
            }
            Map<TopicPartition, OffsetAndMetadata> next = new HashMap<>();
            records.partitions().forEach(one -> next.put(one, new OffsetAndMetadata(consumer.position(one))));
            consumer.commitSync(next);
            next.forEach((one, offset) -> committed.merge(one, offset.offset(), Math::max));
            tell();
        }

        @Override
        public void onPartitionsAssigned(Collection<TopicPartition> assigned) {
            System.out.println("assigned " + assigned.size());
            isAssigned.countDown();
            for (TopicPartition one : assigned) {
                // Read first: another member may commit more meanwhile, this one not yet.
                long known = committed.get(one);
                long begins = consumer.position(one);
                if (begins < known) {
                    fail(one + " begins at " + begins + ", committed was " + known);
                }
            }
        }

        @Override
        public void onPartitionsRevoked(Collection<TopicPartition> revoked) {}
    }
}
