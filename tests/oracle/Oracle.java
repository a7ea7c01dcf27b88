// Answers questions from a file as Apache Kafka's StandardAuthorizer does, one line for each.
//   S everyone superUsers                                  a new authorizer without ACLs
//   A type name pattern principal host operation permission    one more ACL for it
//   Q user host type name operation                        allowed or not: 1 or 0
//   B user host type name                                  the bitfield of what is allowed (KIP-430)
//   T user host type operation                             allowed for any resource of the type or not: 1 or 0
// Fields are separated by tabs. It knows no gateway.

import java.io.BufferedWriter;
import java.io.OutputStreamWriter;
import java.io.PrintWriter;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.metrics.Metrics;
import org.apache.kafka.common.metrics.internals.PluginMetricsImpl;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourceType;
import org.apache.kafka.common.security.auth.KafkaPrincipal;
import org.apache.kafka.common.security.auth.SecurityProtocol;
import org.apache.kafka.common.utils.Utils;
import org.apache.kafka.metadata.authorizer.StandardAcl;
import org.apache.kafka.metadata.authorizer.StandardAuthorizer;
import org.apache.kafka.security.authorizer.AclEntry;
import org.apache.kafka.server.authorizer.Action;
import org.apache.kafka.server.authorizer.AuthorizableRequestContext;
import org.apache.kafka.server.authorizer.AuthorizationResult;

public final class Oracle {
    private record Asker(KafkaPrincipal principal, InetAddress clientAddress) implements AuthorizableRequestContext {
        static Asker of(String user, String host) throws Exception {
            return new Asker(new KafkaPrincipal(KafkaPrincipal.USER_TYPE, user), InetAddress.getByName(host));
        }

        public String listenerName() { return "PLAINTEXT"; }
        public SecurityProtocol securityProtocol() { return SecurityProtocol.PLAINTEXT; }
        public int requestType() { return 0; }
        public int requestVersion() { return 0; }
        public String clientId() { return "oracle"; }
        public int correlationId() { return 0; }
    }

    private static final Metrics METRICS = new Metrics();
    private static StandardAuthorizer authorizer;
    private static long worlds;
    private static long acls;

    private static boolean allows(Asker asker, ResourceType type, String name, AclOperation operation) {
        ResourcePattern resource = new ResourcePattern(type, name, PatternType.LITERAL);
        Action action = new Action(operation, resource, 1, true, true);
        return authorizer.authorize(asker, List.of(action)).get(0) == AuthorizationResult.ALLOWED;
    }

    private static int bits(Asker asker, ResourceType type, String name) {
        Set<Byte> allowed = new HashSet<>();
        for (AclOperation operation : AclEntry.supportedOperations(type)) {
            if (allows(asker, type, name, operation)) allowed.add(operation.code());
        }
        return Utils.to32BitField(allowed);
    }

    private static Object answer(String[] f) throws Exception {
        switch (f[0]) {
            case "S":
                authorizer = new StandardAuthorizer();
                authorizer.withPluginMetrics(new PluginMetricsImpl(METRICS, Map.of("world", String.valueOf(++worlds))));
                authorizer.configure(Map.of(
                    StandardAuthorizer.SUPER_USERS_CONFIG, f[2],
                    StandardAuthorizer.ALLOW_EVERYONE_IF_NO_ACL_IS_FOUND_CONFIG, f[1]));
                authorizer.completeInitialLoad();
                return null;
            case "A":
                authorizer.addAcl(new Uuid(1, ++acls), new StandardAcl(
                    ResourceType.valueOf(f[1]), f[2], PatternType.valueOf(f[3]), f[4], f[5],
                    AclOperation.valueOf(f[6]), AclPermissionType.valueOf(f[7])));
                return null;
            case "Q":
                return allows(Asker.of(f[1], f[2]), ResourceType.valueOf(f[3]), f[4], AclOperation.valueOf(f[5])) ? 1 : 0;
            case "B":
                return bits(Asker.of(f[1], f[2]), ResourceType.valueOf(f[3]), f[4]);
            case "T":
                return authorizer.authorizeByResourceType(
                    Asker.of(f[1], f[2]), AclOperation.valueOf(f[4]), ResourceType.valueOf(f[3]))
                    == AuthorizationResult.ALLOWED ? 1 : 0;
            default:
                throw new IllegalArgumentException(f[0]);
        }
    }

    public static void main(String[] args) throws Exception {
        PrintWriter out = new PrintWriter(new BufferedWriter(new OutputStreamWriter(System.out, StandardCharsets.UTF_8)));
        for (String line : Files.readAllLines(Path.of(args[0]))) {
            Object answer = answer(line.split("\t", -1));
            if (answer != null) out.println(answer);
        }
        out.flush();
    }
}
