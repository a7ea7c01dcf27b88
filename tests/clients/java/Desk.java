// Runs stock command line tools one after another in one JVM, since starting Java is what makes them slow, and reads
// topics to their end. It knows nothing of the gateway.
//
// A request is a line of words in base64: "tool INPUT NAME ARGUMENT…", "read BOOTSTRAP TOPIC", "write BOOTSTRAP TOPICS STEP…"
// "configure BOOTSTRAP PROPERTIES KEY=VALUE,… GROUP…" or "committed BOOTSTRAP PROPERTIES GROUP…". An answer is a line: exit status, standard output, standard error, both in base64. Run from source: java -cp 'libs/*' Desk.java TOOL=CLASS…

import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.FileReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.ListConsumerGroupOffsetsSpec;
import org.apache.kafka.clients.admin.ListShareGroupOffsetsSpec;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.GroupType;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.common.utils.Exit;

public class Desk {
    private static final int LIMIT_SECONDS = 60;
    private static final PrintStream ANSWERS = System.out;
    private static final PrintStream ERRORS = System.err;

    /** What a tool throws instead of ending the JVM. */
    private static final class Ended extends Error {
        Ended(int status) {
            super("exit " + status, null, false, false);
        }
    }

    /** A tool keeps counts in static fields: each run gets classes of its own, above shared clients. */
    private static final class Fresh extends URLClassLoader {
        Fresh() {
            super(jars(), Desk.class.getClassLoader());
        }

        private static URL[] jars() {
            return Arrays.stream(System.getProperty("java.class.path").split(":"))
                    .filter(jar -> jar.matches(".*/kafka(-tools|_).*"))
                    .map(jar -> {
                        try {
                            return Path.of(jar).toUri().toURL();
                        } catch (java.net.MalformedURLException impossible) {
                            throw new IllegalStateException(impossible);
                        }
                    })
                    .toArray(URL[]::new);
        }

        @Override
        protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
            if (name.startsWith("org.apache.kafka.tools.") || name.startsWith("kafka.")) {
                synchronized (getClassLoadingLock(name)) {
                    Class<?> loaded = findLoadedClass(name);
                    try {
                        return loaded != null ? loaded : findClass(name);
                    } catch (ClassNotFoundException elsewhere) {
                        return super.loadClass(name, resolve);
                    }
                }
            }
            return super.loadClass(name, resolve);
        }
    }

    public static void main(String[] arguments) throws Exception {
        Map<String, String> classes = new HashMap<>();
        for (String argument : arguments) {
            String[] parts = argument.split("=", 2);
            classes.put(parts[0], parts[1]);
        }
        BufferedReader requests = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        for (String line = requests.readLine(); line != null; line = requests.readLine()) {
            List<String> words = new ArrayList<>();
            for (String word : line.split(" ")) {
                words.add(new String(Base64.getDecoder().decode(word), StandardCharsets.UTF_8));
            }
            ByteArrayOutputStream out = new ByteArrayOutputStream();
            ByteArrayOutputStream err = new ByteArrayOutputStream();
            int status = answer(classes, words, out, err);
            ANSWERS.println(status + " " + encode(out) + " " + encode(err));
            ANSWERS.flush();
        }
        // Threads that a tool left behind must not keep the JVM.
        Runtime.getRuntime().halt(0);
    }

    private static String encode(ByteArrayOutputStream bytes) {
        // Never empty, so that the answer always splits into three.
        return "=" + Base64.getEncoder().encodeToString(bytes.toByteArray());
    }

    private static int answer(
            Map<String, String> classes, List<String> words, ByteArrayOutputStream out, ByteArrayOutputStream err) {
        try (PrintStream output = new PrintStream(out, true); PrintStream errors = new PrintStream(err, true)) {
            System.setOut(output);
            System.setErr(errors);
            if (words.get(0).equals("read")) {
                read(words.get(1), words.get(2), output);
                return 0;
            }
            if (words.get(0).equals("write")) {
                try (Writers writers = new Writers(words.get(1), words.get(2).split(","))) {
                    for (String step : words.subList(3, words.size())) {
                        writers.step(step.split(" "));
                    }
                }
                return 0;
            }
            if (words.get(0).equals("configure")) {
                configure(admin(words.get(1), words.get(2)), words.get(3).split(","), words.subList(4, words.size()));
                return 0;
            }
            if (words.get(0).equals("committed")) {
                committed(admin(words.get(1), words.get(2)), words.subList(3, words.size()), output);
                return 0;
            }
            System.setIn(new ByteArrayInputStream(words.get(1).getBytes(StandardCharsets.UTF_8)));
            List<String> rest = words.subList(3, words.size());
            String main = classes.getOrDefault(words.get(2), words.get(2));
            return new Run(out, err).bounded(main, rest.toArray(String[]::new), errors);
        } catch (Exception failure) {
            failure.printStackTrace(new PrintStream(err, true));
            return 70;
        } finally {
            System.setOut(ANSWERS);
            System.setErr(ERRORS);
        }
    }

    /** One run of a tool. */
    private static final class Run {
        private final ByteArrayOutputStream out;
        private final ByteArrayOutputStream err;
        private final List<Runnable> hooks = new ArrayList<>();
        private Integer exited;
        private byte[] outThen;
        private byte[] errThen;

        Run(ByteArrayOutputStream out, ByteArrayOutputStream err) {
            this.out = out;
            this.err = err;
        }

        int bounded(String main, String[] arguments, PrintStream errors) throws Exception {
            Exit.setShutdownHookAdder((name, hook) -> hooks.add(hook));
            Exit.setExitProcedure((status, message) -> exit(status));
            Exit.setHaltProcedure((status, message) -> exit(status));
            FutureTask<Integer> run = new FutureTask<>(() -> toEnd(main, arguments, errors));
            Thread thread = new Thread(run, main);
            thread.setDaemon(true);
            thread.start();
            try {
                return run.get(LIMIT_SECONDS, TimeUnit.SECONDS);
            } catch (TimeoutException late) {
                thread.interrupt();
                errors.println("not finished in " + LIMIT_SECONDS + " s");
                return 124;
            } catch (ExecutionException failure) {
                failure.getCause().printStackTrace(errors);
                return 70;
            }
        }

        /** Nothing that a tool says after its exit counts, such as that it caught what it must not catch. */
        private synchronized void exit(int status) {
            if (exited == null) {
                exited = status;
                outThen = out.toByteArray();
                errThen = err.toByteArray();
            }
            throw new Ended(status);
        }

        private int toEnd(String main, String[] arguments, PrintStream errors) throws Exception {
            int status = tool(main, arguments, errors);
            if (exited != null) {
                status = exited;
                out.reset();
                out.write(outThen);
                err.reset();
                err.write(errThen);
            }
            hooks.forEach(Runnable::run);
            return status;
        }
    }

    private static int tool(String main, String[] arguments, PrintStream errors) throws Exception {
        Fresh loader = new Fresh();
        Thread.currentThread().setContextClassLoader(loader);
        try {
            loader.loadClass(main).getMethod("main", String[].class).invoke(null, (Object) arguments);
            return 0;
        } catch (InvocationTargetException failure) {
            errors.println("Exception in thread \"main\" " + failure.getCause());
            return 1;
        }
    }

    /** Producers that write to several topics alike: two that do not know transactions, and two that do. */
    private static final class Writers implements AutoCloseable {
        private final Map<String, KafkaProducer<String, String>> all = new HashMap<>();
        private final List<String> open = new ArrayList<>();
        private final String bootstrap;
        private final String[] topics;

        Writers(String bootstrap, String[] topics) {
            this.bootstrap = bootstrap;
            this.topics = topics;
        }

        /** "write PRODUCER CODEC KEY…" writes a batch to each topic; "commit PRODUCER" and "abort PRODUCER" end its transaction. */
        void step(String[] words) {
            String name = words[1];
            switch (words[0]) {
                case "commit" -> all.get(name).commitTransaction();
                case "abort" -> all.get(name).abortTransaction();
                default -> write(name, words[2], Arrays.asList(words).subList(3, words.length));
            }
            if (!words[0].equals("write")) {
                open.remove(name);
            }
        }

        private void write(String name, String codec, List<String> keys) {
            var producer = all.computeIfAbsent(name, key -> producer(name, codec));
            if (isTransactional(name) && !open.contains(name)) {
                producer.beginTransaction();
                open.add(name);
            }
            for (String topic : topics) {
                for (String key : keys) {
                    producer.send(new ProducerRecord<>(topic, key, key + " " + ".".repeat(90)));
                }
            }
            producer.flush();
        }

        private static boolean isTransactional(String name) {
            return name.startsWith("transactional");
        }

        private KafkaProducer<String, String> producer(String name, String codec) {
            Map<String, Object> properties = new HashMap<>();
            properties.put("bootstrap.servers", bootstrap);
            properties.put("compression.type", codec);
            // One batch for each step and topic.
            properties.put("linger.ms", 60_000);
            if (isTransactional(name)) {
                properties.put("transactional.id", name + "-" + String.join("-", topics));
            }
            var producer = new KafkaProducer<>(properties, new StringSerializer(), new StringSerializer());
            if (isTransactional(name)) {
                producer.initTransactions();
            }
            return producer;
        }

        @Override
        public void close() {
            all.values().forEach(KafkaProducer::close);
        }
    }

    private static Admin admin(String bootstrap, String file) throws Exception {
        Properties properties = new Properties();
        try (FileReader reader = new FileReader(file)) {
            properties.load(reader);
        }
        properties.put("bootstrap.servers", bootstrap);
        return Admin.create(properties);
    }

    /** Sets what is configured for groups, all alike. */
    private static void configure(Admin admin, String[] settings, List<String> groups) throws Exception {
        List<AlterConfigOp> changes = new ArrayList<>();
        for (String setting : settings) {
            String[] parts = setting.split("=");
            changes.add(new AlterConfigOp(new ConfigEntry(parts[0], parts[1]), AlterConfigOp.OpType.SET));
        }
        Map<ConfigResource, Collection<AlterConfigOp>> all = new HashMap<>();
        groups.forEach(group -> all.put(new ConfigResource(ConfigResource.Type.GROUP, group), changes));
        try (admin) {
            admin.incrementalAlterConfigs(all).all().get();
        }
    }

    /** How far groups of any kind are, one line per partition: group, topic, offset, end of the log. What a share group has
     * done with is not behind its start alone, so its lag counts. */
    private static void committed(Admin admin, List<String> groups, PrintStream output) throws Exception {
        try (admin) {
            List<String> shares = new ArrayList<>();
            List<String> others = new ArrayList<>();
            for (var listed : admin.listGroups().all().get()) {
                boolean isShare = listed.type().filter(type -> type == GroupType.SHARE).isPresent();
                if (groups.contains(listed.groupId())) {
                    (isShare ? shares : others).add(listed.groupId());
                }
            }
            Map<String, Map<TopicPartition, Long>> offsets = new HashMap<>();
            Map<String, Map<TopicPartition, Long>> lags = new HashMap<>();
            var ofShares = admin.listShareGroupOffsets(each(shares, new ListShareGroupOffsetsSpec()));
            for (String group : shares) {
                ofShares.partitionsToOffsetInfo(group).get().forEach((at, info) -> {
                    if (info != null && info.lag().isPresent()) {
                        lags.computeIfAbsent(group, key -> new HashMap<>()).put(at, info.lag().get());
                    }
                });
            }
            var ofOthers = admin.listConsumerGroupOffsets(each(others, new ListConsumerGroupOffsetsSpec()));
            for (String group : others) {
                ofOthers.partitionsToOffsetAndMetadata(group).get().forEach((at, offset) -> {
                    if (offset != null) {
                        offsets.computeIfAbsent(group, key -> new HashMap<>()).put(at, offset.offset());
                    }
                });
            }
            Map<TopicPartition, OffsetSpec> latest = new HashMap<>();
            for (var found : List.of(offsets, lags)) {
                found.values().forEach(one -> one.keySet().forEach(at -> latest.put(at, OffsetSpec.latest())));
            }
            var ends = admin.listOffsets(latest).all().get();
            offsets.forEach((group, one) -> one.forEach((at, offset) ->
                    tell(output, group, at, offset, ends.get(at).offset())));
            lags.forEach((group, one) -> one.forEach((at, lag) ->
                    tell(output, group, at, ends.get(at).offset() - lag, ends.get(at).offset())));
        }
    }

    private static void tell(PrintStream output, String group, TopicPartition at, long offset, long end) {
        output.println(group + " " + at.topic() + " " + offset + " " + end);
    }

    private static <T> Map<String, T> each(List<String> names, T value) {
        Map<String, T> all = new HashMap<>();
        names.forEach(name -> all.put(name, value));
        return all;
    }

    /** What is committed, one line per record: partition, key, value, headers. */
    private static void read(String bootstrap, String topic, PrintStream output) {
        Map<String, Object> properties = new HashMap<>();
        properties.put("bootstrap.servers", bootstrap);
        properties.put("isolation.level", "read_committed");
        try (KafkaConsumer<String, String> consumer =
                new KafkaConsumer<>(properties, new StringDeserializer(), new StringDeserializer())) {
            List<TopicPartition> partitions = consumer.partitionsFor(topic).stream()
                    .map(one -> new TopicPartition(topic, one.partition())).toList();
            Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            while (partitions.stream().anyMatch(one -> consumer.position(one) < ends.get(one))) {
                for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(100))) {
                    StringBuilder line = new StringBuilder();
                    line.append(record.partition()).append('\t').append(record.key()).append('\t').append(record.value());
                    for (Header header : record.headers()) {
                        line.append('\t').append(header.key()).append('=')
                                .append(new String(header.value(), StandardCharsets.UTF_8));
                    }
                    output.println(line);
                }
            }
        }
    }
}
