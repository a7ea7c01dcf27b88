// Apache Kafka's own tests of authorization, with a gateway in the place of the broker: whatever the suite sends to the
// broker's CLIENT listener goes to the gateway instead, and the ACLs that it adds and removes are the gateway's. The
// broker's own authorizer never sees a client: the gateway is on the BROKER listener, whose principal may do everything.

import static scala.jdk.javaapi.CollectionConverters.asJava;

import java.io.IOException;
import java.net.Socket;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import kafka.api.AbstractAuthorizerIntegrationTest;
import kafka.api.AuthorizerIntegrationTest;
import kafka.network.SocketServer;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AccessControlEntryFilter;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclBindingFilter;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.network.ListenerName;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourcePatternFilter;
import org.junit.jupiter.api.AfterEach;
import scala.collection.immutable.Set;

public class GatewayAuthorizerTest extends AuthorizerIntegrationTest {
    /** The system property that names the klamm executable. */
    private static final String PROGRAM = "interop.klamm";
    private static final Duration LIMIT = Duration.ofSeconds(30);

    private final List<Admin> admins = new ArrayList<>();
    private Gateway gateway;
    private String bootstrap;
    private Credentials client;
    private Admin operator;

    /** The broker serves by now; no client has been configured yet. */
    @Override
    public void configureSecurityAfterServersStart() {
        super.configureSecurityAfterServersStart();
        try {
            String broker = brokerPrincipal().getName();
            Path program = Path.of(System.getProperty(PROGRAM));
            gateway = Gateway.start(program, super.bootstrapServers(interBrokerListenerName()), broker);
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

    private static void await(KafkaFuture<?> future) {
        try {
            future.get(LIMIT.toMillis(), TimeUnit.MILLISECONDS);
        } catch (ExecutionException failure) {
            throw new IllegalStateException("the gateway refuses a change of ACLs", failure.getCause());
        } catch (Exception failure) {
            throw new IllegalStateException("no answer to a change of ACLs", failure);
        }
    }
}
