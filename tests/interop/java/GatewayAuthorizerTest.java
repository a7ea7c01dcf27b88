// Apache Kafka's own tests of authorization, with a gateway in the place of the broker: whatever the suite sends to the
// broker's CLIENT listener goes to the gateway instead, and the ACLs that it adds and removes are the gateway's. The
// broker's own authorizer never sees a client: the gateway is on the BROKER listener, whose principal may do everything.
// Topics that the suite makes beforehand are made through the gateway, so that they belong to the virtual cluster; in a
// Partner nobody makes topics, so there they are made at the brokers and shown by aliases: the first of a case is on the
// second cluster, the next at home, and so on; all are at home in the cases that Expectation lists so.

import static scala.jdk.javaapi.CollectionConverters.asJava;
import static scala.jdk.javaapi.CollectionConverters.asScala;

import java.io.IOException;
import java.net.Socket;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import kafka.api.AbstractAuthorizerIntegrationTest;
import kafka.api.AuthorizerIntegrationTest;
import kafka.network.SocketServer;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AccessControlEntryFilter;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclBindingFilter;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.network.ListenerName;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourcePatternFilter;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.platform.engine.UniqueId;
import scala.collection.immutable.Set;

public class GatewayAuthorizerTest extends AuthorizerIntegrationTest {
    /** The system property that names the klamm executable. */
    private static final String PROGRAM = "interop.klamm";
    /** Through which virtual cluster: a system property. */
    private static final Gateway.Kind KIND =
        Gateway.Kind.valueOf(System.getProperty("interop.kind").toUpperCase(Locale.ROOT));
    /** The cases whose topics are all on the home of a Partner: a system property, separated by commas. */
    private static final List<String> AT_HOME = List.of(System.getProperty(Interop.AT_HOME, "").split(","));
    private static final String HOME = "zz-home";
    private static final Duration LIMIT = Duration.ofSeconds(30);

    /** In how many places the physical topics have been made; their names differ. */
    private static int made;
    /** Of a Partner alone. */
    private static SecondCluster second;

    private final List<Admin> admins = new ArrayList<>();
    private Gateway gateway;
    private String bootstrap;
    private Credentials client;
    private Admin operator;
    private String testCase;
    @RegisterExtension
    final BeforeEachCallback naming = context -> testCase = Report.name(UniqueId.parse(context.getUniqueId()));
    private int topics;

    @BeforeAll
    static void startSecond() throws Exception {
        if (KIND == Gateway.Kind.PARTNER) {
            second = SecondCluster.start();
        }
    }

    @AfterAll
    static void endSecond() throws Exception {
        if (second != null) {
            second.close();
            second = null;
        }
    }

    /**
     * The suite's only broker can make the topic of share groups' state. By itself that has three replicas: requests about
     * offsets of share groups are answered when the broker no longer tries to make it, after about half a minute, which is
     * as long as this waits for an answer.
     */
    @Override
    public void brokerPropertyOverrides(Properties properties) {
        super.brokerPropertyOverrides(properties);
        properties.putAll(SecondCluster.SHARE_STATE);
    }

    /** The broker serves by now; no client has been configured yet. */
    @Override
    public void configureSecurityAfterServersStart() {
        super.configureSecurityAfterServersStart();
        try {
            String broker = brokerPrincipal().getName();
            Path program = Path.of(System.getProperty(PROGRAM));
            Map<String, String> clusters = new HashMap<>();
            clusters.put(Gateway.MAIN, super.bootstrapServers(interBrokerListenerName()));
            if (second != null) {
                clusters.put(Gateway.SECOND, second.bootstrap());
            }
            gateway = Gateway.start(program, clusters, broker, KIND);
            if (KIND == Gateway.Kind.PARTNER) {
                settle();
            }
            bootstrap = gateway.bootstrap();
            client = new Credentials(clientPrincipal().getName(), gateway.account(clientPrincipal().getName()));
            operator = admin(new Credentials(broker, gateway.account(broker)).properties());
        } catch (Exception failure) {
            throw new IllegalStateException("no gateway", failure);
        }
        for (Properties properties : List.of(
                producerConfig(), consumerConfig(), shareConsumerConfig(), streamsConsumerConfig(), adminClientConfig())) {
            properties.putAll(client.properties());
        }
    }

    /** The suite's own broker is the home, by the alias of a topic that no case names. */
    private void settle() throws Exception {
        super.createTopic(HOME, 1, 1, new Properties(), interBrokerListenerName(), new Properties());
        gateway.alias(HOME, Gateway.MAIN, HOME);
    }

    @AfterEach
    @Override
    public void tearDown() {
        try {
            admins.forEach(admin -> admin.close(Duration.ZERO));
            super.tearDown();
        } finally {
            end();
        }
    }

    private void end() {
        try {
            if (gateway != null) {
                gateway.close();
            }
        } catch (IOException | InterruptedException failure) {
            throw new IllegalStateException("the gateway does not end", failure);
        }
    }

    private boolean isClients(ListenerName listener) {
        return listener.value().equals(AbstractAuthorizerIntegrationTest.ClientListenerName());
    }

    @Override
    public String bootstrapServers(ListenerName listener) {
        return isClients(listener) ? bootstrap : super.bootstrapServers(listener);
    }

    @Override
    public Socket connect(SocketServer server, ListenerName listener) {
        if (!isClients(listener)) {
            return super.connect(server, listener);
        }
        int colon = bootstrap.lastIndexOf(':');
        try {
            Socket socket = new Socket(bootstrap.substring(0, colon), Integer.parseInt(bootstrap.substring(colon + 1)));
            socket.setSoTimeout(Math.toIntExact(LIMIT.toMillis()));
            client.login(socket);
            return socket;
        } catch (IOException failure) {
            throw new IllegalStateException("no connection to the gateway", failure);
        }
    }

    @Override
    public Admin createAdminClient(ListenerName listener, Properties overrides) {
        if (!isClients(listener)) {
            return admin(overrides, super.bootstrapServers(listener));
        }
        Properties properties = new Properties();
        properties.putAll(adminClientConfig());
        properties.putAll(overrides);
        return admin(properties);
    }

    private Admin admin(Properties properties) {
        return admin(properties, bootstrap);
    }

    private Admin admin(Properties given, String bootstrap) {
        Properties properties = new Properties();
        properties.putAll(given);
        properties.put("bootstrap.servers", bootstrap);
        Admin admin = Admin.create(properties);
        admins.add(admin);
        return admin;
    }

    @Override
    public scala.collection.immutable.Map<Object, Object> createTopic(String topic, int partitions, int replicas,
            Properties configuration, ListenerName listener, Properties ofAdmin) {
        if (KIND == Gateway.Kind.PASSTHROUGH) {
            return super.createTopic(topic, partitions, replicas, configuration, listener, ofAdmin);
        }
        Map<String, String> entries = new HashMap<>();
        configuration.stringPropertyNames().forEach(name -> entries.put(name, configuration.getProperty(name)));
        NewTopic wanted = new NewTopic(topic, partitions, (short) replicas).configs(entries);
        if (KIND == Gateway.Kind.PARTNER) {
            show(wanted);
        } else {
            await(operator.createTopics(List.of(wanted)).all());
        }
        awaitLeaders(topic, partitions);
        Map<Object, Object> leaders = new HashMap<>();
        IntStream.range(0, partitions).forEach(partition -> leaders.put(partition, brokerId()));
        return scala.collection.immutable.Map.from(asScala(leaders));
    }

    /** Makes a topic under another name and an alias of it. */
    private void show(NewTopic wanted) {
        String physical = "physical-" + made++ + "-" + wanted.name();
        boolean atHome = topics++ % 2 == 1 || AT_HOME.contains(testCase);
        NewTopic topic = new NewTopic(physical, wanted.numPartitions(), wanted.replicationFactor())
            .configs(wanted.configs());
        try {
            if (atHome) {
                Properties configuration = new Properties();
                configuration.putAll(wanted.configs());
                super.createTopic(physical, wanted.numPartitions(), wanted.replicationFactor(), configuration,
                    interBrokerListenerName(), new Properties());
            } else {
                second.create(topic);
            }
            gateway.alias(wanted.name(), atHome ? Gateway.MAIN : Gateway.SECOND, physical);
        } catch (Exception failure) {
            throw new IllegalStateException("no alias " + wanted.name(), failure);
        }
    }

    /** A broker answers before it has heard of the new topic itself. */
    private void awaitLeaders(String topic, int partitions) {
        long deadline = System.nanoTime() + LIMIT.toNanos();
        while (!hasLeaders(topic, partitions)) {
            if (System.nanoTime() > deadline) {
                throw new IllegalStateException("no leaders: " + topic);
            }
        }
    }

    private boolean hasLeaders(String topic, int partitions) {
        try {
            TopicDescription description = operator.describeTopics(List.of(topic)).topicNameValues().get(topic)
                .get(LIMIT.toMillis(), TimeUnit.MILLISECONDS);
            return description.partitions().stream().filter(one -> one.leader() != null).count() == partitions;
        } catch (ExecutionException notYet) {
            return false;
        } catch (Exception failure) {
            throw new IllegalStateException("no answer to the super user", failure);
        }
    }

    @Override
    public void deleteTopic(String topic, ListenerName listener) {
        if (KIND == Gateway.Kind.PASSTHROUGH) {
            super.deleteTopic(topic, listener);
            return;
        }
        if (KIND == Gateway.Kind.STANDARD) {
            await(operator.deleteTopics(List.of(topic)).all());
            return;
        }
        try {
            gateway.withdraw(topic);
        } catch (Exception failure) {
            throw new IllegalStateException("the alias stays: " + topic, failure);
        }
    }

    /** As clients see them. */
    @Override
    public scala.collection.immutable.Map<String, Uuid> getTopicIds() {
        if (KIND == Gateway.Kind.PASSTHROUGH) {
            return super.getTopicIds();
        }
        Map<String, Uuid> ids = new HashMap<>();
        await(operator.listTopics().listings()).forEach(topic -> ids.put(topic.name(), topic.topicId()));
        return scala.collection.immutable.Map.from(asScala(ids));
    }

    @Override
    public scala.collection.immutable.Map<Uuid, String> getTopicNames() {
        if (KIND == Gateway.Kind.PASSTHROUGH) {
            return super.getTopicNames();
        }
        Map<Uuid, String> names = new HashMap<>();
        await(operator.listTopics().listings()).forEach(topic -> names.put(topic.topicId(), topic.name()));
        return scala.collection.immutable.Map.from(asScala(names));
    }

    /** The gateway promises that what is acknowledged is in force: there is nothing to wait for. */
    @Override
    public void addAndVerifyAcls(Set<AccessControlEntry> entries, ResourcePattern resource) {
        await(operator.createAcls(asJava(entries).stream().map(entry -> new AclBinding(resource, entry)).toList()).all());
    }

    @Override
    public void removeAndVerifyAcls(Set<AccessControlEntry> entries, ResourcePattern resource) {
        await(operator.deleteAcls(asJava(entries).stream()
            .map(entry -> new AclBindingFilter(resource.toFilter(), entry.toFilter())).toList()).all());
    }

    @Override
    public void removeAllClientAcls() {
        AccessControlEntryFilter entries = new AccessControlEntryFilter(
            clientPrincipalString(), null, AclOperation.ANY, AclPermissionType.ANY);
        await(operator.deleteAcls(List.of(new AclBindingFilter(ResourcePatternFilter.ANY, entries))).all());
    }

    private static <T> T await(KafkaFuture<T> future) {
        try {
            return future.get(LIMIT.toMillis(), TimeUnit.MILLISECONDS);
        } catch (ExecutionException failure) {
            throw new IllegalStateException("the gateway refuses the super user", failure.getCause());
        } catch (Exception failure) {
            throw new IllegalStateException("no answer to the super user", failure);
        }
    }
}
