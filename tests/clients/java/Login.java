// The Java client logs in. The lines of the input and of the output are those of every program of logins.

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.IllegalSaslStateException;
import org.apache.kafka.common.errors.SaslAuthenticationException;
import org.apache.kafka.common.errors.SslAuthenticationException;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

public class Login {
    /// How long one login may take, and between records of one that goes on.
    private static final Duration LIMIT = Duration.ofSeconds(60);
    private static final Duration PAUSE = Duration.ofMillis(250);
    /// Where the connection is closed, it says only that nothing came of it in the time that it has.
    private static final Duration SHORT = Duration.ofSeconds(8);

    private static final String SECURITY = "org.apache.kafka.common.security.";

    private final JsonNode fields;
    private final Path directory;

    private Login(JsonNode fields, Path directory) {
        this.fields = fields;
        this.directory = directory;
    }

    public static void main(String[] arguments) throws Exception {
        Path directory = Files.createTempDirectory("klamm-login");
        List<Login> all = new ArrayList<>();
        for (String line : new String(System.in.readAllBytes()).lines().toList()) {
            all.add(new Login(new ObjectMapper().readTree(line), directory));
        }
        System.setProperty("org.apache.kafka.sasl.oauthbearer.allowed.urls",
            all.stream().map(Login::tokenUrl).collect(Collectors.joining(",")));
        System.setProperty("org.apache.kafka.sasl.oauthbearer.allowed.files",
            all.stream().map(login -> login.tokenFile().toString()).collect(Collectors.joining(",")));
        System.setProperty("jdk.net.hosts.file", hosts(all, directory).toString());
        var threads = Executors.newFixedThreadPool(16);
        threads.invokeAll(all.stream().map(login -> Executors.callable(login::tell)).toList());
        System.exit(0);
    }

    /// Where the names lead that no name server knows.
    private static Path hosts(List<Login> all, Path directory) throws IOException {
        String names = all.stream().filter(login -> login.has("resolve"))
            .map(login -> login.text("bootstrap").split(":")[0])
            .flatMap(name -> Stream.of(name, "b1-" + name)).distinct().collect(Collectors.joining(" "));
        return Files.writeString(directory.resolve("hosts"), "127.0.0.1 localhost " + names + "\n");
    }

    private boolean has(String name) {
        return fields.hasNonNull(name);
    }

    private String text(String name) {
        return fields.get(name).asText();
    }

    private Path tokenFile() {
        return directory.resolve(text("id").replace('/', '-') + ".jwt");
    }

    private String tokenUrl() {
        return has("endpoint") ? text("endpoint") : tokenFile().toUri().toString();
    }

    private String quoted(String name) {
        return " " + name + "=\"" + text(name) + "\"";
    }

    private Properties settings() throws IOException {
        Properties all = new Properties();
        all.put("bootstrap.servers", text("bootstrap"));
        all.put("security.protocol",
            (has("mechanism") ? "SASL_" : "") + (has("ca") ? "SSL" : "PLAINTEXT"));
        if (has("mechanism")) sasl(all);
        if (has("ca")) {
            all.put("ssl.truststore.type", "PEM");
            all.put("ssl.truststore.location", text("ca"));
        }
        if (has("certificate")) {
            Path store = directory.resolve(text("id").replace('/', '-') + ".store");
            String pem = Files.readString(Path.of(text("key"))) + Files.readString(Path.of(text("certificate")));
            all.put("ssl.keystore.type", "PEM");
            all.put("ssl.keystore.location", Files.writeString(store, pem).toString());
        }
        return all;
    }

    private void sasl(Properties all) throws IOException {
        String mechanism = text("mechanism");
        all.put("sasl.mechanism", mechanism);
        if (mechanism.equals("OAUTHBEARER")) {
            String oauth = SECURITY + "oauthbearer.";
            String credentials = "";
            if (has("endpoint")) credentials = " clientId=\"" + text("username") + "\" clientSecret=\"" + text("password") + "\"";
            else Files.writeString(tokenFile(), text("token"));
            all.put("sasl.login.callback.handler.class", oauth + "OAuthBearerLoginCallbackHandler");
            all.put("sasl.oauthbearer.token.endpoint.url", tokenUrl());
            all.put("sasl.jaas.config", oauth + "OAuthBearerLoginModule required" + credentials + ";");
        } else {
            String module = mechanism.equals("PLAIN") ? "plain.PlainLoginModule" : "scram.ScramLoginModule";
            all.put("sasl.jaas.config", SECURITY + module + " required" + quoted("username") + quoted("password") + ";");
        }
    }

    private int produce() throws Exception {
        Properties settings = settings();
        settings.put("max.block.ms", (has("hopeless") ? SHORT : LIMIT).toMillis());
        long end = System.nanoTime() + (long) (fields.path("seconds").asDouble(0) * 1e9);
        int count = 0;
        try (var producer = new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer())) {
            do {
                if (count > 0) Thread.sleep(PAUSE.toMillis());
                producer.send(new ProducerRecord<>(text("topic"), text("record"))).get();
                count++;
            } while (System.nanoTime() < end);
        }
        return count;
    }

    private void read() throws Exception {
        var partition = new TopicPartition(text("topic"), 0);
        long end = System.nanoTime() + LIMIT.toNanos();
        try (var consumer = new KafkaConsumer<>(settings(), new StringDeserializer(), new StringDeserializer())) {
            consumer.assign(List.of(partition));
            consumer.seekToBeginning(List.of(partition));
            while (System.nanoTime() < end) {
                for (var record : consumer.poll(Duration.ofMillis(200))) {
                    if (record.value().equals(text("record"))) return;
                }
            }
        }
        throw new IllegalStateException("the record does not come");
    }

    private void tell() {
        String said;
        try {
            int count = produce();
            read();
            said = "ok " + count;
        } catch (Exception failure) {
            Throwable cause = failure instanceof ExecutionException ? failure.getCause() : failure;
            said = kind(cause) + " " + cause.toString().replaceAll("\\s+", " ");
        }
        System.out.println(text("id") + " " + said);
    }

    private static String kind(Throwable failure) {
        if (failure instanceof SaslAuthenticationException || failure instanceof IllegalSaslStateException) return "refused";
        if (failure instanceof SslAuthenticationException) return "tls";
        return failure instanceof TimeoutException ? "closed" : "failed";
    }
}
