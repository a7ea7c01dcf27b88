// Makes random record batches with Apache Kafka's own classes, has them judged by whoever reads its output and writes its
// input, and reads with the same classes what came of them. Values say what a record wants to become:
//   keep…, skip… (leave it out), refuse…, set… (the header a=new, and no other a), remove… (all headers a)
// Out: kind (F fetched, P produced; a byte), offset (eight bytes), length (four), batches; A when answers are wanted to all of
// these since the last time, E at the end. In, for each: outcome (a byte: 0 as it came, 1 rewritten, 2 nothing), length (four),
// batches. Arguments: seed, rounds. It knows no gateway.

import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.function.Consumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.CompressionType;
import org.apache.kafka.common.record.internal.ControlRecordType;
import org.apache.kafka.common.record.internal.EndTransactionMarker;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.MemoryRecordsBuilder;
import org.apache.kafka.common.record.internal.MutableRecordBatch;
import org.apache.kafka.common.record.internal.Record;
import org.apache.kafka.common.record.internal.RecordBatch;
import org.apache.kafka.common.utils.BufferSupplier;
import org.apache.kafka.common.utils.PrimitiveRef;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.common.utils.Utils;
import org.apache.kafka.storage.internals.log.AppendOrigin;
import org.apache.kafka.storage.internals.log.LogValidator;

public final class Batches {
    private static final String[][] WORDS = {
        {"keep"}, {"skip"}, {"keep", "skip", "set", "remove"}, {"skip", "skip", "skip", "keep", "refuse"}, {"keep", "set", "remove"},
    };
    private static final String[] NAMES = {"a", "b", "", "customer", "na\u00efve"};

    private static Random random;
    private static DataOutputStream out;
    private static DataInputStream in;
    private static final List<Question> asked = new ArrayList<>();

    public static void main(String[] arguments) throws Exception {
        random = new Random(Long.parseLong(arguments[0]));
        out = new DataOutputStream(new BufferedOutputStream(System.out));
        in = new DataInputStream(new BufferedInputStream(System.in));
        for (int round = 0; round < Integer.parseInt(arguments[1]); round++) {
            fetch();
            produce();
            if (round % 100 == 0) settle();
        }
        settle();
        out.writeByte('E');
        out.flush();
    }

    // ---------------------------------------------------------------- batches

    private static byte[] bytes(int most) {
        if (random.nextInt(4) == 0) return null;
        byte[] bytes = new byte[random.nextInt(most)];
        random.nextBytes(bytes);
        return bytes;
    }

    private static byte[] value(String[] words) {
        String text = words[random.nextInt(words.length)] + " ";
        if (random.nextInt(40) == 0) text += "what takes more than one block of its codec ".repeat(random.nextInt(4_000));
        byte[] tail = new byte[random.nextInt(random.nextInt(30) == 0 ? 100_000 : 60)];
        random.nextBytes(tail);
        return concatenated(text.getBytes(StandardCharsets.UTF_8), tail);
    }

    private static byte[] concatenated(byte[]... parts) {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        for (byte[] part : parts) all.writeBytes(part);
        return all.toByteArray();
    }

    private static Header[] headers() {
        Header[] headers = new Header[random.nextInt(4)];
        for (int at = 0; at < headers.length; at++) headers[at] = new RecordHeader(NAMES[random.nextInt(NAMES.length)], bytes(9));
        return headers;
    }

    private static byte[] batch(long base, String[] words, boolean gaps) {
        Compression codec = Compression.of(CompressionType.values()[random.nextInt(5)]).build();
        boolean hasProducer = random.nextBoolean();
        boolean isTransactional = hasProducer && random.nextBoolean();
        TimestampType type = gaps && random.nextInt(4) == 0 ? TimestampType.LOG_APPEND_TIME : TimestampType.CREATE_TIME;
        MemoryRecordsBuilder builder = MemoryRecords.builder(ByteBuffer.allocate(1_024), RecordBatch.CURRENT_MAGIC_VALUE, codec, type,
            base, 1_800_000_000_000L, hasProducer ? 5 : -1, (short) (hasProducer ? 3 : -1), hasProducer ? random.nextInt(900) : -1,
            isTransactional, gaps ? 6 : -1);
        long offset = base;
        int count = 1 + random.nextInt(random.nextInt(20) == 0 ? 300 : 9);
        for (int at = 0; at < count; at++) {
            if (gaps && random.nextInt(4) == 0) offset++;
            builder.appendWithOffset(offset++, 1_700_000_000_000L + random.nextInt(1_000) - 500, bytes(20), value(words), headers());
        }
        return array(builder.build().buffer());
    }

    private static byte[] array(ByteBuffer buffer) {
        return Utils.toArray(buffer.duplicate());
    }

    private static MemoryRecords records(byte[] bytes) {
        return MemoryRecords.readableRecords(ByteBuffer.wrap(bytes));
    }

    /** Batches of a log, some as the cleaner leaves them, the last perhaps cut off. */
    private static byte[] log() {
        String[] words = WORDS[random.nextInt(WORDS.length)];
        byte[] log = new byte[0];
        long offset = random.nextInt(1_000);
        for (int count = 1 + random.nextInt(5); count > 0; count--) {
            byte[] batch = batch(offset, words, true);
            if (random.nextInt(5) == 0) {
                batch = array(MemoryRecords.withEndTransactionMarker(offset, 1_700_000_000_000L, 6, 5, (short) 3,
                    new EndTransactionMarker(ControlRecordType.ABORT, 1)).buffer());
            }
            log = concatenated(log, batch);
            offset = last(log).nextOffset() + random.nextInt(2);
        }
        return random.nextInt(3) == 0 ? cleaned(log) : log;
    }

    private static byte[] cleaned(byte[] log) {
        boolean withHorizon = random.nextBoolean();
        ByteBuffer clean = ByteBuffer.allocate(log.length + 1_000);
        var filter = new MemoryRecords.RecordFilter(1_000, withHorizon ? 5_000 : 0) {
            @Override
            protected BatchRetentionResult checkBatchRetention(RecordBatch batch) {
                return new BatchRetentionResult(BatchRetention.RETAIN_EMPTY, false);
            }

            @Override
            protected boolean shouldRetainRecord(RecordBatch batch, Record record) {
                return batch.isControlBatch() || random.nextBoolean();
            }
        };
        ByteBuffer kept = records(log).filterTo(filter, clean, BufferSupplier.NO_CACHING).outputBuffer();
        kept.flip();
        return array(kept);
    }

    private static RecordBatch last(byte[] log) {
        RecordBatch last = null;
        for (RecordBatch batch : records(log).batches()) last = batch;
        return last;
    }

    // ---------------------------------------------------------------- what is seen

    private static String hex(ByteBuffer bytes) {
        return bytes == null ? "null" : HexFormat.of().formatHex(Utils.toArray(bytes));
    }

    private static String word(Record record) {
        return StandardCharsets.ISO_8859_1.decode(record.value().duplicate()).toString().split(" ", 2)[0];
    }

    private static String seen(Record record, boolean isEdited) {
        List<String> headers = new ArrayList<>();
        String word = isEdited ? word(record) : "";
        for (Header header : record.headers()) {
            if (header.key().equals("a") && (word.equals("set") || word.equals("remove"))) continue;
            headers.add(header.key() + "=" + (header.value() == null ? "null" : HexFormat.of().formatHex(header.value())));
        }
        if (word.equals("set")) headers.add("a=" + HexFormat.of().formatHex("new".getBytes()));
        return record.offset() + " " + record.timestamp() + " " + hex(record.key()) + " " + hex(record.value()) + " " + headers;
    }

    private static List<Record> data(byte[] log) {
        List<Record> data = new ArrayList<>();
        for (MutableRecordBatch batch : records(log).batches()) {
            batch.ensureValid();
            int count = 0;
            for (Record record : batch) {
                record.ensureValid();
                count++;
                if (!batch.isControlBatch()) data.add(record);
            }
            check(count == batch.countOrNull(), "count");
        }
        return data;
    }

    private static void check(boolean holds, String what) {
        if (!holds) throw new AssertionError(what);
    }

    private static byte[] bytes(RecordBatch batch) {
        ByteBuffer buffer = ByteBuffer.allocate(batch.sizeInBytes());
        batch.writeTo(buffer);
        return buffer.array();
    }

    private static boolean isFiller(RecordBatch batch) {
        return batch.isControlBatch() && !batch.hasProducerId();
    }

    private static String kept(RecordBatch batch) {
        return batch.baseOffset() + " " + batch.compressionType() + " " + batch.timestampType() + " " + batch.producerId() + " "
            + batch.producerEpoch() + " " + batch.baseSequence() + " " + batch.isTransactional() + " "
            + batch.partitionLeaderEpoch() + " " + batch.deleteHorizonMs();
    }

    private record Reply(int outcome, byte[] batches) { }

    /** What was asked, and how the answer is judged. */
    private record Question(byte[] batches, Consumer<Reply> judge) { }

    private static void ask(char kind, long offset, byte[] batches, Consumer<Reply> judge) throws Exception {
        out.writeByte(kind);
        out.writeLong(offset);
        out.writeInt(batches.length);
        out.write(batches);
        asked.add(new Question(batches, judge));
    }

    private static void settle() throws Exception {
        out.writeByte('A');
        out.flush();
        for (Question question : asked) {
            int outcome = in.readByte();
            byte[] reply = new byte[in.readInt()];
            in.readFully(reply);
            question.judge.accept(new Reply(outcome, outcome == 0 ? question.batches : reply));
        }
        asked.clear();
    }

    // ---------------------------------------------------------------- fetched

    private static void fetch() throws Exception {
        byte[] log = log();
        if (log.length == 0) return;
        long first = records(log).batches().iterator().next().baseOffset();
        long from = first + random.nextInt((int) (last(log).nextOffset() - first));
        byte[] field = log;
        while (records(field).batches().iterator().next().lastOffset() < from) {
            field = Arrays.copyOfRange(field, records(field).batches().iterator().next().sizeInBytes(), field.length);
        }
        byte[] whole = field;
        if (random.nextInt(3) == 0) {
            byte[] more = batch(last(field).nextOffset(), new String[] {"skip"}, true);
            field = concatenated(field, Arrays.copyOf(more, random.nextInt(more.length)));
        }
        ask('F', from, field, reply -> fetched(from, whole, reply));
    }

    private static void fetched(long from, byte[] whole, Reply reply) {
        List<String> expected = new ArrayList<>();
        boolean isPoisoned = false, isSkipped = false;
        for (Record record : data(whole)) {
            if (record.offset() < from) continue;
            isPoisoned = word(record).equals("refuse");
            if (isPoisoned) break;
            isSkipped |= word(record).equals("skip");
            if (!word(record).equals("skip")) expected.add(seen(record, true));
        }
        if (reply.outcome == 2) {
            check(isPoisoned && expected.isEmpty() && !isSkipped, "nothing, at a record that is refused first");
            return;
        }
        List<String> got = new ArrayList<>();
        for (Record record : data(reply.batches)) {
            check(!word(record).equals("skip") && !word(record).equals("refuse"), "not for the client: " + record);
            if (record.offset() >= from) got.add(seen(record, false));
        }
        check(got.equals(expected), "from " + from + "\n" + got + "\n" + expected);
        batches(whole, reply.batches, isPoisoned);
    }

    private static void batches(byte[] before, byte[] after, boolean isPoisoned) {
        List<String> origins = new ArrayList<>(), markers = new ArrayList<>(), gotMarkers = new ArrayList<>();
        for (RecordBatch batch : records(before).batches()) {
            origins.add(kept(batch));
            if (batch.isControlBatch()) markers.add(HexFormat.of().formatHex(bytes(batch)));
        }
        for (RecordBatch batch : records(after).batches()) {
            if (isFiller(batch)) {
                check(batch.countOrNull() == 1 && batch.nextOffset() == last(after).nextOffset(), "one filler, at the end");
                check(ControlRecordType.parse(batch.iterator().next().key()) == ControlRecordType.UNKNOWN, "a type nobody knows");
                continue;
            }
            String kept = kept(batch);
            boolean isMoved = origins.stream().noneMatch(kept::equals);
            check(!isMoved, "the batch is another: " + kept + "\n" + origins);
            if (batch.isControlBatch()) gotMarkers.add(HexFormat.of().formatHex(bytes(batch)));
        }
        if (isPoisoned) {
            check(markers.subList(0, Math.min(gotMarkers.size(), markers.size())).equals(gotMarkers), "markers up to the poison");
            return;
        }
        check(markers.equals(gotMarkers), "markers");
        check(last(after).nextOffset() == last(before).nextOffset(), "the client comes to the end");
    }

    // ---------------------------------------------------------------- produced

    private static void produce() throws Exception {
        byte[] batch = batch(0, random.nextInt(9) == 0 ? WORDS[3] : WORDS[4], false);
        ask('P', -1, batch, reply -> produced(batch, reply));
    }

    private static void produced(byte[] batch, Reply reply) {
        List<String> expected = new ArrayList<>(), got = new ArrayList<>();
        boolean isRefused = false;
        for (Record record : data(batch)) {
            isRefused |= word(record).equals("skip") || word(record).equals("refuse");
            expected.add(seen(record, true));
        }
        check(isRefused == (reply.outcome == 2), "refused or not");
        if (isRefused) return;
        for (Record record : data(reply.batches)) got.add(seen(record, false));
        check(got.equals(expected), got + "\n" + expected);
        RecordBatch before = last(batch), after = last(reply.batches);
        check(kept(before).equals(kept(after)) && before.lastOffset() == after.lastOffset()
            && before.maxTimestamp() == after.maxTimestamp() && before.lastSequence() == after.lastSequence(), "the batch");
        // A broker takes it.
        new LogValidator(records(reply.batches.clone()), new TopicPartition("t", 0), Time.SYSTEM, after.compressionType(),
            Compression.of(after.compressionType()).build(), false, RecordBatch.CURRENT_MAGIC_VALUE, TimestampType.CREATE_TIME,
            Long.MAX_VALUE, Long.MAX_VALUE, 0, AppendOrigin.CLIENT)
            .validateMessagesAndAssignOffsets(PrimitiveRef.ofLong(100), COUNTERS, BufferSupplier.NO_CACHING);
    }

    private static final LogValidator.MetricsRecorder COUNTERS = new LogValidator.MetricsRecorder() {
        public void recordInvalidMagic() { }
        public void recordInvalidOffset() { }
        public void recordInvalidSequence() { }
        public void recordInvalidChecksums() { }
        public void recordNoKeyCompactedTopic() { }
    };
}
