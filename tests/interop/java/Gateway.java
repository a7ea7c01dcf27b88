// A gateway in front of one embedded broker: a process of its own with a fresh data directory, since a gateway never
// changes the Kafka cluster behind it. Knows nothing of the suite.

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ThreadLocalRandom;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

final class Gateway implements AutoCloseable {
    /** What the suite's own broker is called: KAFKA_MAIN_BOOTSTRAP_SERVERS names it. */
    static final String MAIN = "main";
    /** What the other physical cluster is called. */
    static final String SECOND = "second";
    /** The default account of the admin API; the gateway accepts it on loopback only. */
    private static final String AUTHORIZATION = "Basic YWRtaW46Y29uZHVrdG9y";
    private static final Duration READY_LIMIT = Duration.ofSeconds(20);
    private static final Duration CALL_LIMIT = Duration.ofSeconds(20);
    private static final long POLL_MILLIS = 10;
    /** Ports between those that systems hand out and those that the project's other tests take. */
    private static final int FIRST_PORT = 11_000;
    private static final int LAST_PORT = 19_000;
    private static final int PORTS = 8;
    private static final int STARTS = 5;

    private final HttpClient http = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    private final Path directory;
    private final Process process;
    private final String admin;
    private final Kind kind;

    private Gateway(Path directory, Process process, String admin, Kind kind) {
        this.directory = directory;
        this.process = process;
        this.admin = admin;
        this.kind = kind;
    }

    /** Through which virtual cluster the suite goes. */
    enum Kind {
        /** The one that is built in, with the names of the physical cluster. */
        PASSTHROUGH,
        /** One of type Standard, whose names have a prefix in the physical cluster that its clients never see. */
        STANDARD,
        /** One of type Partner, whose topics are aliases of topics of two physical clusters. */
        PARTNER;

        /** Its name in the gateway. */
        String virtualCluster() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /**
     * Starts the program and returns when it serves.
     *
     * @param program the klamm executable
     * @param clusters the bootstrap address of each physical cluster
     * @param superUser the account of the virtual cluster that no ACL applies to
     * @param kind which virtual cluster clients will use
     */
    static Gateway start(Path program, Map<String, String> clusters, String superUser, Kind kind) throws Exception {
        for (int tried = 1; ; tried++) {
            Gateway gateway = launch(program, clusters, superUser, kind);
            try {
                gateway.awaitReady();
                gateway.prepare(superUser);
                return gateway;
            } catch (IOException failure) {
                gateway.close();
                // Somebody else may have taken a port in between.
                if (tried == STARTS) {
                    throw failure;
                }
            }
        }
    }

    private static Gateway launch(Path program, Map<String, String> clusters, String superUser, Kind kind)
            throws IOException {
        Path directory = Files.createTempDirectory("klamm-interop-");
        int first = freePorts();
        List<String> command = new ArrayList<>();
        if (Files.isExecutable(Path.of("/usr/bin/setpriv"))) {
            // The kernel ends the gateway even when this Java is killed.
            command.addAll(List.of("/usr/bin/setpriv", "--pdeathsig", "KILL"));
        }
        command.addAll(List.of(program.toString(), "serve"));
        ProcessBuilder builder = new ProcessBuilder(command).directory(directory.toFile());
        Map<String, String> environment = builder.environment();
        environment.keySet().removeIf(name -> name.matches("(GATEWAY|KLAMM|KAFKA)_.*"));
        clusters.forEach((id, bootstrap) ->
            environment.put("KAFKA_" + id.toUpperCase(Locale.ROOT) + "_BOOTSTRAP_SERVERS", bootstrap));
        environment.put("KLAMM_DATA_DIR", directory.resolve("data").toString());
        environment.put("KLAMM_THREADS", "1");
        environment.put("GATEWAY_BIND_HOST", "127.0.0.1");
        environment.put("GATEWAY_ADVERTISED_HOST", "127.0.0.1");
        environment.put("GATEWAY_HTTP_PORT", Integer.toString(first));
        environment.put("GATEWAY_PORT_START", Integer.toString(first + 1));
        environment.put("GATEWAY_PORT_COUNT", Integer.toString(PORTS - 1));
        environment.put("GATEWAY_ACL_ENABLED", "true");
        environment.put("GATEWAY_SUPER_USERS", superUser);
        builder.redirectErrorStream(true).redirectOutput(directory.resolve("log").toFile());
        return new Gateway(directory, builder.start(), "http://127.0.0.1:" + first, kind);
    }

    private static int freePorts() throws IOException {
        for (int tried = 0; tried < 100; tried++) {
            int first = ThreadLocalRandom.current().nextInt(FIRST_PORT / PORTS, LAST_PORT / PORTS) * PORTS;
            if (Stream.iterate(first, port -> port + 1).limit(PORTS).allMatch(Gateway::isFree)) {
                return first;
            }
        }
        throw new IOException("no free ports between " + FIRST_PORT + " and " + LAST_PORT);
    }

    private static boolean isFree(int port) {
        try (ServerSocket ignored = new ServerSocket(port, 1, InetAddress.getByAddress(new byte[4]))) {
            return true;
        } catch (IOException taken) {
            return false;
        }
    }

    private void awaitReady() throws Exception {
        long deadline = System.nanoTime() + READY_LIMIT.toNanos();
        while (!isReady()) {
            if (!process.isAlive() || System.nanoTime() > deadline) {
                throw new IOException("the gateway does not serve:\n" + log());
            }
            Thread.sleep(POLL_MILLIS);
        }
    }

    /**
     * Makes the virtual cluster, unless it is the one that is built in. No other shows internal topics.
     */
    private void prepare(String superUser) throws Exception {
        if (kind == Kind.PARTNER) {
            call("PUT", "virtual-cluster", """
                {"kind": "VirtualCluster", "apiVersion": "gateway/v2", "metadata": {"name": "%s"},
                 "spec": {"type": "Partner", "aclEnabled": true, "superUsers": ["%s"]}}"""
                .formatted(kind.virtualCluster(), superUser));
        }
        if (kind == Kind.STANDARD) {
            call("PUT", "virtual-cluster", """
                {"kind": "VirtualCluster", "apiVersion": "gateway/v2", "metadata": {"name": "%s"},
                 "spec": {"type": "Standard", "backend": "%s", "aclEnabled": true, "superUsers": ["%s"],
                          "namespace": {"mode": "hide_prefix", "prefix": "dev-"}}}"""
                .formatted(kind.virtualCluster(), MAIN, superUser));
        }
    }

    /** Shows a topic of a physical cluster. The first such decides the home. */
    void alias(String name, String cluster, String topic) throws Exception {
        call("PUT", "alias-topic", """
            {"kind": "AliasTopic", "apiVersion": "gateway/v2", "metadata": {"name": "%s", "vCluster": "%s"},
             "spec": {"physicalCluster": "%s", "physicalName": "%s"}}"""
            .formatted(name, kind.virtualCluster(), cluster, topic));
    }

    /** Shows a topic no longer. */
    void withdraw(String name) throws Exception {
        call("DELETE", "alias-topic", """
            {"name": "%s", "vCluster": "%s"}""".formatted(name, kind.virtualCluster()));
    }

    private boolean isReady() throws InterruptedException {
        try {
            return send(HttpRequest.newBuilder(URI.create(admin + "/health/ready")).GET()).statusCode() == 200;
        } catch (IOException notYet) {
            return false;
        }
    }

    /** Makes a service account and gives its password. */
    String account(String name) throws Exception {
        call("PUT", "service-account", """
            {"kind": "GatewayServiceAccount", "apiVersion": "gateway/v2",
             "metadata": {"name": "%s", "vCluster": "%s"}, "spec": {"type": "LOCAL"}}"""
            .formatted(name, kind.virtualCluster()));
        String answer = call("POST", "token", """
            {"username": "%s", "vCluster": "%s", "lifeTimeSeconds": 3600}""".formatted(name, kind.virtualCluster()));
        return text(answer, "token");
    }

    /** Where Kafka clients begin. */
    String bootstrap() throws Exception {
        return text(call("GET", "virtual-cluster/" + kind.virtualCluster(), ""), "bootstrapServers");
    }

    private String call(String method, String path, String body) throws Exception {
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(admin + "/gateway/v2/" + path))
            .header("Authorization", AUTHORIZATION)
            .header("Content-Type", "application/json")
            .method(method, HttpRequest.BodyPublishers.ofString(body));
        HttpResponse<String> answer = send(request);
        if (answer.statusCode() != 200) {
            throw new IOException(method + " " + path + ": " + answer.statusCode() + " " + answer.body());
        }
        return answer.body();
    }

    private HttpResponse<String> send(HttpRequest.Builder request) throws IOException, InterruptedException {
        return http.send(request.timeout(CALL_LIMIT).build(), HttpResponse.BodyHandlers.ofString());
    }

    /** A text that needs no unescaping: a token or an address. */
    private static String text(String json, String field) throws IOException {
        Matcher found = Pattern.compile('"' + field + "\"\\s*:\\s*\"([^\"\\\\]*)\"").matcher(json);
        if (!found.find()) {
            throw new IOException("no " + field + " in " + json);
        }
        return found.group(1);
    }

    /** What it has written. */
    String log() throws IOException {
        return Files.readString(directory.resolve("log"));
    }

    @Override
    public void close() throws IOException, InterruptedException {
        process.destroyForcibly().waitFor();
        try (Stream<Path> files = Files.walk(directory)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }
}
