// A Kafka cluster of one broker beside the suite's own, for as long as the suite runs. Every case makes topics of its own
// there. Knows nothing of the gateway.

import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.apache.kafka.common.test.KafkaClusterTestKit;
import org.apache.kafka.common.test.TestKitNodes;

final class SecondCluster implements AutoCloseable {
    /** How a broker alone keeps the state of share groups. */
    static final Map<String, String> SHARE_STATE = Map.of(
        "share.coordinator.state.topic.num.partitions", "1",
        "share.coordinator.state.topic.replication.factor", "1",
        "share.coordinator.state.topic.min.isr", "1");
    private static final long LIMIT_SECONDS = 30;
    private static final long POLL_MILLIS = 10;

    private final KafkaClusterTestKit cluster;
    private final Admin admin;

    private SecondCluster(KafkaClusterTestKit cluster) {
        this.cluster = cluster;
        this.admin = cluster.admin();
    }

    /** Starts it and returns when it serves; it has the properties of the suite's own broker, without its authorizer. */
    static SecondCluster start() throws Exception {
        TestKitNodes nodes = new TestKitNodes.Builder()
            .setCombined(true).setNumBrokerNodes(1).setNumControllerNodes(1).build();
        KafkaClusterTestKit.Builder builder = new KafkaClusterTestKit.Builder(nodes)
            .setConfigProp("offsets.topic.num.partitions", "1")
            .setConfigProp("offsets.topic.replication.factor", "1")
            .setConfigProp("transaction.state.log.num.partitions", "1")
            .setConfigProp("transaction.state.log.replication.factor", "1")
            .setConfigProp("transaction.state.log.min.isr", "1")
            .setConfigProp("unstable.api.versions.enable", "true")
            .setConfigProp("auto.create.topics.enable", "false");
        SHARE_STATE.forEach(builder::setConfigProp);
        KafkaClusterTestKit cluster = builder.build();
        cluster.format();
        cluster.startup();
        cluster.waitForReadyBrokers();
        return new SecondCluster(cluster);
    }

    String bootstrap() {
        return cluster.bootstrapServers();
    }

    /** Makes a topic and returns when the broker leads its partitions. */
    void create(NewTopic topic) throws Exception {
        admin.createTopics(List.of(topic)).all().get(LIMIT_SECONDS, TimeUnit.SECONDS);
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(LIMIT_SECONDS);
        while (!hasLeaders(topic)) {
            if (System.nanoTime() > deadline) {
                throw new IllegalStateException("no leaders on the second cluster: " + topic);
            }
            Thread.sleep(POLL_MILLIS);
        }
    }

    private boolean hasLeaders(NewTopic topic) throws Exception {
        try {
            Map<String, TopicDescription> described =
                admin.describeTopics(List.of(topic.name())).allTopicNames().get(LIMIT_SECONDS, TimeUnit.SECONDS);
            return described.get(topic.name()).partitions().stream()
                .filter(partition -> partition.leader() != null).count() == topic.numPartitions();
        } catch (ExecutionException notYet) {
            if (notYet.getCause() instanceof UnknownTopicOrPartitionException) {
                return false;
            }
            throw notYet;
        }
    }

    @Override
    public void close() throws Exception {
        admin.close();
        cluster.close();
    }
}
