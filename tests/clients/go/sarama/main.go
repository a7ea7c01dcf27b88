// sarama does the steps of steps.txt, or follows topics if the scenario says so.
package main

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"klamm/clients/steps"
)

var (
	scenario  = steps.Read()
	orders    = scenario.Topic("orders")
	addresses = strings.Split(scenario.Bootstrap, ",")
)

func settings() *sarama.Config {
	return loginAs(scenario.User, scenario.Token)
}

func loginAs(user, token string) *sarama.Config {
	all := sarama.NewConfig()
	all.Version = sarama.MaxVersion
	all.Net.SASL.Enable = true
	all.Net.SASL.User, all.Net.SASL.Password = user, token
	all.Metadata.Retry.Max = 1
	all.Producer.Return.Successes = true
	all.Producer.Flush.Frequency = 50 * time.Millisecond
	all.Consumer.Offsets.Initial = sarama.OffsetOldest
	all.Consumer.Offsets.AutoCommit.Enable = false
	all.Consumer.Return.Errors = true
	all.Consumer.IsolationLevel = sarama.ReadCommitted
	return all
}

// administer runs with an admin client.
func administer(config *sarama.Config, run func(sarama.ClusterAdmin) error) error {
	admin, err := sarama.NewClusterAdmin(addresses, config)
	if err != nil {
		return err
	}
	defer admin.Close()
	return run(admin)
}

func login() error {
	right, err := sarama.NewClient(addresses, settings())
	if err != nil {
		return err
	}
	defer right.Close()
	broker := sarama.NewBroker(addresses[0])
	if err := broker.Open(loginAs(scenario.User, "wrong")); err != nil {
		return err
	}
	_, err = broker.Connected()
	return steps.Check(errors.Is(err, sarama.ErrSASLAuthenticationFailed), err)
}

func metadata() error {
	return administer(settings(), func(admin sarama.ClusterAdmin) error {
		topics, err := admin.ListTopics()
		if err != nil {
			return err
		}
		var names []string
		for name, topic := range topics {
			names = append(names, name)
			if topic.NumPartitions != 2 {
				return steps.Check(false, topic)
			}
		}
		return steps.Same(names, []string{orders, scenario.Topic("copies")})
	})
}

func create() error {
	return administer(settings(), func(admin sarama.ClusterAdmin) error {
		err := admin.CreateTopic(scenario.Topic("created"), &sarama.TopicDetail{NumPartitions: 1, ReplicationFactor: 1}, false)
		return steps.Check(errors.Is(err, sarama.ErrTopicAuthorizationFailed) || errors.Is(err, sarama.ErrPolicyViolation), err)
	})
}

var codecs = map[string]sarama.CompressionCodec{
	"none": sarama.CompressionNone, "gzip": sarama.CompressionGZIP, "snappy": sarama.CompressionSnappy,
	"lz4": sarama.CompressionLZ4, "zstd": sarama.CompressionZSTD, "idempotent": sarama.CompressionNone,
}

func produce(codec string) func() error {
	return func() error {
		config := settings()
		config.Producer.Compression = codecs[codec]
		if codec == "idempotent" {
			config.Producer.Idempotent = true
			config.Producer.RequiredAcks = sarama.WaitForAll
			config.Net.MaxOpenRequests = 1
		}
		producer, err := sarama.NewSyncProducer(addresses, config)
		if err != nil {
			return err
		}
		defer producer.Close()
		var messages []*sarama.ProducerMessage
		for _, record := range steps.Records(codec) {
			header := sarama.RecordHeader{Key: []byte("codec"), Value: []byte(codec)}
			messages = append(messages, &sarama.ProducerMessage{Topic: orders, Key: sarama.StringEncoder(record.Key),
				Value: sarama.StringEncoder(record.Value), Headers: []sarama.RecordHeader{header}})
		}
		if err := producer.SendMessages(messages); err != nil {
			return err
		}
		scenario.Wrote(codec)
		return nil
	}
}

// member collects what a group is given, until there is enough.
type member struct {
	lock    sync.Mutex
	want    int
	records []*sarama.ConsumerMessage
	enough  context.CancelFunc
	// end runs before the member leaves.
	end func(sarama.ConsumerGroupSession, []*sarama.ConsumerMessage)
}

func (m *member) Setup(sarama.ConsumerGroupSession) error { return nil }

func (m *member) Cleanup(session sarama.ConsumerGroupSession) error {
	m.lock.Lock()
	defer m.lock.Unlock()
	if m.end != nil && len(m.records) >= m.want {
		m.end(session, m.records)
		session.Commit()
	}
	return nil
}

func (m *member) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for message := range claim.Messages() {
		m.lock.Lock()
		m.records = append(m.records, message)
		if len(m.records) == m.want {
			// A little longer, for what must not come.
			time.AfterFunc(300*time.Millisecond, m.enough)
		}
		m.lock.Unlock()
	}
	return nil
}

// read joins the group and reads so many records; end may be nil.
func read(group sarama.ConsumerGroup, want int, end func(sarama.ConsumerGroupSession, []*sarama.ConsumerMessage)) ([]*sarama.ConsumerMessage, error) {
	ctx, cancel := context.WithTimeout(context.Background(), steps.Limit)
	defer cancel()
	one := &member{want: want, enough: cancel, end: end}
	for ctx.Err() == nil {
		if err := group.Consume(ctx, []string{orders}, one); err != nil {
			return one.records, err
		}
	}
	return one.records, nil
}

func join(name string) (sarama.ConsumerGroup, error) {
	group, err := sarama.NewConsumerGroup(addresses, name, settings())
	if err == nil {
		go func() {
			for range group.Errors() {
			}
		}()
	}
	return group, err
}

func values(records []*sarama.ConsumerMessage) []string {
	var all []string
	for _, record := range records {
		all = append(all, string(record.Value))
	}
	return all
}

func ends(records []*sarama.ConsumerMessage) map[int32]int64 {
	ends := map[int32]int64{}
	for _, record := range records {
		ends[record.Partition] = max(ends[record.Partition], record.Offset+1)
	}
	return ends
}

func group() {
	name := scenario.Group("classic")
	var rest []string
	steps.Step("consume", func() error {
		one, err := join(name)
		if err != nil {
			return err
		}
		defer one.Close()
		records, err := read(one, len(scenario.Written), func(session sarama.ConsumerGroupSession, records []*sarama.ConsumerMessage) {
			half := ends(records)
			for partition, end := range half {
				session.MarkOffset(orders, partition, end/2, "")
			}
			for _, record := range records {
				if record.Offset >= half[record.Partition]/2 {
					rest = append(rest, string(record.Value))
				}
			}
		})
		if err != nil {
			return err
		}
		for _, record := range records {
			if err := steps.CheckRecord(string(record.Key), string(record.Value), string(record.Headers[0].Value)); err != nil {
				return err
			}
		}
		return steps.Same(values(records), scenario.Written)
	})
	steps.Step("resume", func() error {
		one, err := join(name)
		if err != nil {
			return err
		}
		defer one.Close()
		records, err := read(one, len(rest), func(session sarama.ConsumerGroupSession, records []*sarama.ConsumerMessage) {
			for partition, end := range ends(records) {
				session.MarkOffset(orders, partition, end, "")
			}
		})
		if err != nil {
			return err
		}
		return steps.Same(values(records), rest)
	})
}

func transaction() error {
	name := scenario.Group("copier")
	config := settings()
	config.Producer.Transaction.ID = name
	config.Producer.Idempotent = true
	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Net.MaxOpenRequests = 1
	producer, err := sarama.NewSyncProducer(addresses, config)
	if err != nil {
		return err
	}
	defer producer.Close()
	group, err := join(name)
	if err != nil {
		return err
	}
	defer group.Close()
	var failure error
	copyAll := func(commit bool) func(sarama.ConsumerGroupSession, []*sarama.ConsumerMessage) {
		return func(session sarama.ConsumerGroupSession, records []*sarama.ConsumerMessage) {
			failure = copyOnce(producer, session, name, records, commit)
		}
	}
	for _, commit := range []bool{false, true} {
		records, err := read(group, len(scenario.Written), copyAll(commit))
		if err = errors.Join(err, failure); err != nil {
			return err
		}
		if err := steps.Same(values(records), scenario.Written); err != nil {
			return err
		}
	}
	return nil
}

func copyOnce(producer sarama.SyncProducer, session sarama.ConsumerGroupSession, group string, records []*sarama.ConsumerMessage, commit bool) error {
	if err := producer.BeginTxn(); err != nil {
		return err
	}
	offsets := map[string][]*sarama.PartitionOffsetMetadata{}
	for partition, end := range ends(records) {
		offsets[orders] = append(offsets[orders], &sarama.PartitionOffsetMetadata{Partition: partition, Offset: end})
	}
	for _, record := range records {
		value := strings.ToUpper(string(record.Value))
		message := &sarama.ProducerMessage{Topic: scenario.Topic("copies"), Key: sarama.ByteEncoder(record.Key), Value: sarama.StringEncoder(value)}
		if _, _, err := producer.SendMessage(message); err != nil {
			return err
		}
	}
	if err := producer.AddOffsetsToTxn(offsets, group); err != nil {
		return err
	}
	if commit {
		return producer.CommitTxn()
	}
	return producer.AbortTxn()
}

func cluster() error {
	return administer(settings(), func(admin sarama.ClusterAdmin) error {
		brokers, _, err := admin.DescribeCluster()
		if err != nil {
			return err
		}
		return steps.Check(len(brokers) == scenario.Brokers, brokers)
	})
}

func offsets() error {
	client, err := sarama.NewClient(addresses, settings())
	if err != nil {
		return err
	}
	defer client.Close()
	var sum int64
	for partition := range int32(2) {
		start, err := client.GetOffset(orders, partition, sarama.OffsetOldest)
		if err != nil {
			return err
		}
		end, err := client.GetOffset(orders, partition, sarama.OffsetNewest)
		if err != nil {
			return err
		}
		sum += end - start
	}
	return steps.Check(sum == int64(len(scenario.Written)), sum)
}

func configs() error {
	return administer(settings(), func(admin sarama.ClusterAdmin) error {
		entries, err := admin.DescribeConfig(sarama.ConfigResource{Type: sarama.TopicResource, Name: orders})
		if err != nil {
			return err
		}
		for _, entry := range entries {
			if entry.Name == "cleanup.policy" {
				return steps.Check(entry.Value == "delete", entry)
			}
		}
		return steps.Check(false, entries)
	})
}

func groups() error {
	name := scenario.Group("classic")
	return administer(settings(), func(admin sarama.ClusterAdmin) error {
		listed, err := admin.ListConsumerGroups()
		if err != nil {
			return err
		}
		if _, found := listed[name]; !found {
			return steps.Check(false, listed)
		}
		described, err := admin.DescribeConsumerGroups([]string{name})
		if err != nil {
			return err
		}
		if described[0].Err != sarama.ErrNoError {
			return described[0].Err
		}
		fetched, err := admin.ListConsumerGroupOffsets(name, map[string][]int32{orders: {0, 1}})
		if err != nil {
			return err
		}
		var sum int64
		for _, block := range fetched.Blocks[orders] {
			sum += block.Offset
		}
		return steps.Check(sum == int64(len(scenario.Written)), sum)
	})
}

func acls() error {
	return administer(loginAs(scenario.SuperUser, scenario.SuperToken), func(admin sarama.ClusterAdmin) error {
		name, principal, host := scenario.Topic("else"), "User:nobody", "*"
		resource := sarama.Resource{ResourceType: sarama.AclResourceTopic, ResourceName: name, ResourcePatternType: sarama.AclPatternLiteral}
		acl := sarama.Acl{Principal: principal, Host: host, Operation: sarama.AclOperationRead, PermissionType: sarama.AclPermissionAllow}
		if err := admin.CreateACL(resource, acl); err != nil {
			return err
		}
		same := sarama.AclFilter{ResourceType: sarama.AclResourceTopic, ResourceName: &name,
			ResourcePatternTypeFilter: sarama.AclPatternLiteral, Principal: &principal, Host: &host,
			Operation: sarama.AclOperationRead, PermissionType: sarama.AclPermissionAllow}
		listed, err := admin.ListAcls(same)
		if err = errors.Join(err, steps.Check(len(listed) == 1, "listed", listed)); err != nil {
			return err
		}
		deleted, err := admin.DeleteACL(same, false)
		if err = errors.Join(err, steps.Check(len(deleted) == 1, "deleted", deleted)); err != nil {
			return err
		}
		listed, err = admin.ListAcls(same)
		return errors.Join(err, steps.Check(len(listed) == 0, "gone", listed))
	})
}

func deniedWrite() {
	config := settings()
	config.Producer.Retry.Max = 0
	producer, err := sarama.NewSyncProducer(addresses, config)
	if err != nil {
		panic(err)
	}
	defer producer.Close()
	send := func() error {
		_, _, err := producer.SendMessage(&sarama.ProducerMessage{Topic: scenario.Topic("closed"), Value: sarama.StringEncoder("granted")})
		return err
	}
	steps.Step("denied-write", func() error {
		err := send()
		return steps.Check(errors.Is(err, sarama.ErrTopicAuthorizationFailed), err)
	})
	scenario.Please("grant-write")
	steps.Step("granted-write", send)
}

func deniedGroup() {
	group, err := join(scenario.Topic("closed"))
	if err != nil {
		panic(err)
	}
	defer group.Close()
	steps.Step("denied-group", func() error {
		_, err := read(group, 1, nil)
		return steps.Check(errors.Is(err, sarama.ErrGroupAuthorizationFailed), err)
	})
	scenario.Please("grant-group")
	steps.Step("granted-group", func() error {
		records, err := read(group, len(scenario.Written), nil)
		return errors.Join(err, steps.Check(len(records) == len(scenario.Written), len(records)))
	})
}

// follower says what it is given, and marks it as done.
type follower struct{ steps.Followed }

func (f follower) Setup(sarama.ConsumerGroupSession) error { return nil }

func (f follower) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (f follower) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for message := range claim.Messages() {
		f.Got(message.Value)
		session.MarkMessage(message, "")
	}
	return nil
}

func follow(one steps.Followed) error {
	config := settings()
	config.Consumer.Offsets.AutoCommit.Enable = true
	config.Consumer.Offsets.AutoCommit.Interval = time.Duration(scenario.CommitMs) * time.Millisecond
	config.Consumer.Fetch.Default = int32(scenario.FetchBytes)
	config.Consumer.Return.Errors = false
	if !one.ReadsCommitted() {
		config.Consumer.IsolationLevel = sarama.ReadUncommitted
	}
	group, err := sarama.NewConsumerGroup(addresses, one.Group, config)
	if err != nil {
		return err
	}
	defer group.Close()
	for {
		if err := group.Consume(context.Background(), []string{one.Topic}, follower{one}); err != nil {
			return err
		}
	}
}

func main() {
	if scenario.Following != nil {
		scenario.Follow(follow)
		return
	}
	steps.Step("login", login)
	steps.Step("metadata", metadata)
	steps.Step("create-denied", create)
	steps.Step("produce", produce("none"))
	for _, codec := range steps.Codecs {
		steps.Step("produce-"+codec, produce(codec))
	}
	steps.Step("idempotent", produce("idempotent"))
	group()
	steps.Cannot("consume-848", "the client has the classic protocol only")
	steps.Cannot("resume-848", "the client has the classic protocol only")
	steps.Cannot("share", "the client has no share consumer")
	steps.Step("transaction", transaction)
	steps.Step("cluster", cluster)
	steps.Step("offsets", offsets)
	steps.Step("configs", configs)
	steps.Step("groups", groups)
	steps.Step("acls", acls)
	deniedWrite()
	deniedGroup()
}
