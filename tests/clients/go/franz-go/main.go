// franz-go does the steps of steps.txt, or follows topics if the scenario says so.
package main

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"klamm/clients/steps"
)

var (
	scenario = steps.Read()
	orders   = scenario.Topic("orders")
)

func client(more ...kgo.Opt) *kgo.Client {
	return loginAs(scenario.User, scenario.Token, more...)
}

func loginAs(user, token string, more ...kgo.Opt) *kgo.Client {
	all := append([]kgo.Opt{
		kgo.SeedBrokers(scenario.Bootstrap),
		kgo.SASL(plain.Auth{User: user, Pass: token}.AsMechanism()),
	}, more...)
	made, err := kgo.NewClient(all...)
	if err != nil {
		panic(err)
	}
	return made
}

func bounded() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), steps.Limit)
}

// administer runs with an admin client of the ordinary user.
func administer(run func(context.Context, *kadm.Client) error) error {
	ctx, cancel := bounded()
	defer cancel()
	admin := kadm.NewClient(client())
	defer admin.Close()
	return run(ctx, admin)
}

func login() error {
	ctx, cancel := bounded()
	defer cancel()
	right := client()
	defer right.Close()
	if err := right.Ping(ctx); err != nil {
		return err
	}
	wrong := loginAs(scenario.User, "wrong")
	defer wrong.Close()
	err := wrong.Ping(ctx)
	return steps.Check(errors.Is(err, kerr.SaslAuthenticationFailed), err)
}

func metadata() error {
	return administer(func(ctx context.Context, admin *kadm.Client) error {
		topics, err := admin.ListTopics(ctx)
		if err != nil {
			return err
		}
		for _, topic := range topics {
			if len(topic.Partitions) != 2 {
				return steps.Check(false, topic)
			}
		}
		return steps.Same(topics.Names(), []string{orders, scenario.Topic("copies")})
	})
}

func create() error {
	return administer(func(ctx context.Context, admin *kadm.Client) error {
		_, err := admin.CreateTopic(ctx, 1, 1, nil, scenario.Topic("created"))
		return steps.Check(errors.Is(err, kerr.TopicAuthorizationFailed) || errors.Is(err, kerr.PolicyViolation), err)
	})
}

var codecs = map[string]kgo.CompressionCodec{
	"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
	"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(), "idempotent": kgo.NoCompression(),
}

func produce(codec string) func() error {
	return func() error {
		ctx, cancel := bounded()
		defer cancel()
		options := []kgo.Opt{kgo.ProducerBatchCompression(codecs[codec]), kgo.ProducerLinger(50 * time.Millisecond)}
		if codec != "idempotent" {
			options = append(options, kgo.DisableIdempotentWrite())
		}
		one := client(options...)
		defer one.Close()
		var records []*kgo.Record
		for _, record := range steps.Records(codec) {
			header := kgo.RecordHeader{Key: "codec", Value: []byte(codec)}
			records = append(records, &kgo.Record{Topic: orders, Key: []byte(record.Key), Value: []byte(record.Value),
				Headers: []kgo.RecordHeader{header}})
		}
		if err := one.ProduceSync(ctx, records...).FirstErr(); err != nil {
			return err
		}
		scenario.Wrote(codec)
		return nil
	}
}

// read polls until there are so many records, and a little longer for what must not come.
func read(one *kgo.Client, count int) ([]*kgo.Record, error) {
	ctx, cancel := bounded()
	defer cancel()
	var all []*kgo.Record
	for len(all) < count && ctx.Err() == nil {
		fetches := one.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return all, err
		}
		all = append(all, fetches.Records()...)
	}
	late, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	return append(all, one.PollFetches(late).Records()...), nil
}

func values(records []*kgo.Record) []string {
	var all []string
	for _, record := range records {
		all = append(all, string(record.Value))
	}
	return all
}

func group(first, second, name string, more ...kgo.Opt) {
	name = scenario.Group(name)
	member := func() *kgo.Client {
		return client(append([]kgo.Opt{kgo.ConsumerGroup(name), kgo.ConsumeTopics(orders), kgo.DisableAutoCommit(),
			kgo.ConsumeResetOffset(kgo.NewOffset().AtStart())}, more...)...)
	}
	var rest []string
	steps.Step(first, func() error {
		one := member()
		defer one.Close()
		records, err := read(one, len(scenario.Written))
		if err != nil {
			return err
		}
		if err := steps.Same(values(records), scenario.Written); err != nil {
			return err
		}
		ends := map[int32]int64{}
		for _, record := range records {
			if err := steps.CheckRecord(string(record.Key), string(record.Value), string(record.Headers[0].Value)); err != nil {
				return err
			}
			ends[record.Partition] = max(ends[record.Partition], record.Offset+1)
		}
		half := map[int32]int64{}
		for partition, end := range ends {
			half[partition] = end / 2
		}
		for _, record := range records {
			if record.Offset >= half[record.Partition] {
				rest = append(rest, string(record.Value))
			}
		}
		ctx, cancel := bounded()
		defer cancel()
		return commit(ctx, one, half)
	})
	steps.Step(second, func() error {
		if err := steps.Check(len(rest) > 0, "the first member left nothing to read"); err != nil {
			return err
		}
		one := member()
		defer one.Close()
		records, err := read(one, len(rest))
		if err != nil {
			return err
		}
		if err := steps.Same(values(records), rest); err != nil {
			return err
		}
		ctx, cancel := bounded()
		defer cancel()
		return one.CommitUncommittedOffsets(ctx)
	})
}

// commit commits these offsets as the member.
func commit(ctx context.Context, one *kgo.Client, half map[int32]int64) error {
	var records []*kgo.Record
	for partition, offset := range half {
		records = append(records, &kgo.Record{Topic: orders, Partition: partition, Offset: offset - 1, LeaderEpoch: -1})
	}
	return one.CommitRecords(ctx, records...)
}

func share() error {
	one := client(kgo.ShareGroup(scenario.Group("share")), kgo.ConsumeTopics(orders))
	defer one.Close()
	records, err := read(one, len(scenario.Written))
	if err != nil {
		return err
	}
	return steps.Same(values(records), scenario.Written)
}

func transaction() error {
	ctx, cancel := bounded()
	defer cancel()
	id := scenario.Group("copier")
	session, err := kgo.NewGroupTransactSession(
		kgo.SeedBrokers(scenario.Bootstrap),
		kgo.SASL(plain.Auth{User: scenario.User, Pass: scenario.Token}.AsMechanism()),
		kgo.ConsumerGroup(id), kgo.TransactionalID(id), kgo.ConsumeTopics(orders),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.RequireStableFetchOffsets(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
	)
	if err != nil {
		return err
	}
	defer session.Close()
	copied, aborted := 0, false
	for copied < len(scenario.Written) && ctx.Err() == nil {
		fetches := session.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return err
		}
		if fetches.NumRecords() == 0 {
			continue
		}
		if err := session.Begin(); err != nil {
			return err
		}
		for _, record := range fetches.Records() {
			value := strings.ToUpper(string(record.Value))
			session.Produce(ctx, &kgo.Record{Topic: scenario.Topic("copies"), Key: record.Key, Value: []byte(value)}, nil)
		}
		committed, err := session.End(ctx, kgo.TransactionEndTry(aborted))
		if err != nil {
			return err
		}
		if committed {
			copied += fetches.NumRecords()
		}
		aborted = true
	}
	return steps.Check(copied == len(scenario.Written), copied)
}

func cluster() error {
	return administer(func(ctx context.Context, admin *kadm.Client) error {
		described, err := admin.BrokerMetadata(ctx)
		if err != nil {
			return err
		}
		return steps.Check(len(described.Brokers) == scenario.Brokers && described.Cluster != "", described)
	})
}

func offsets() error {
	return administer(func(ctx context.Context, admin *kadm.Client) error {
		starts, err := admin.ListStartOffsets(ctx, orders)
		if err != nil {
			return err
		}
		ends, err := admin.ListEndOffsets(ctx, orders)
		if err != nil {
			return err
		}
		var sum int64
		ends.Each(func(end kadm.ListedOffset) { sum += end.Offset })
		starts.Each(func(start kadm.ListedOffset) { sum -= start.Offset })
		return steps.Check(sum == int64(len(scenario.Written)), sum, ends.Error(), starts.Error())
	})
}

func configs() error {
	return administer(func(ctx context.Context, admin *kadm.Client) error {
		described, err := admin.DescribeTopicConfigs(ctx, orders)
		if err != nil {
			return err
		}
		for _, config := range described[0].Configs {
			if config.Key == "cleanup.policy" {
				return steps.Check(config.MaybeValue() == "delete", config)
			}
		}
		return steps.Check(false, described)
	})
}

func groups() error {
	name := scenario.Group("classic")
	return administer(func(ctx context.Context, admin *kadm.Client) error {
		listed, err := admin.ListGroups(ctx)
		if err != nil {
			return err
		}
		if _, found := listed[name]; !found {
			return steps.Check(false, listed.Groups())
		}
		described, err := admin.DescribeGroups(ctx, name)
		if err = errors.Join(err, described.Error()); err != nil {
			return err
		}
		fetched, err := admin.FetchOffsets(ctx, name)
		if err = errors.Join(err, fetched.Error()); err != nil {
			return err
		}
		var sum int64
		fetched.Each(func(one kadm.OffsetResponse) { sum += one.At })
		return steps.Check(sum == int64(len(scenario.Written)), sum)
	})
}

func acls() error {
	ctx, cancel := bounded()
	defer cancel()
	admin := kadm.NewClient(loginAs(scenario.SuperUser, scenario.SuperToken))
	defer admin.Close()
	one := kadm.NewACLs().Topics(scenario.Topic("else")).ResourcePatternType(kadm.ACLPatternLiteral).
		Operations(kadm.OpRead).Allow("User:nobody").AllowHosts("*")
	created, err := admin.CreateACLs(ctx, one)
	if err != nil {
		return err
	}
	if err := created[0].Err; err != nil {
		return err
	}
	count := func() int {
		described, err := admin.DescribeACLs(ctx, one)
		if err != nil || described[0].Err != nil {
			return -1
		}
		return len(described[0].Described)
	}
	if before := count(); before != 1 {
		return steps.Check(false, "described", before)
	}
	deleted, err := admin.DeleteACLs(ctx, one)
	if err != nil {
		return err
	}
	return steps.Check(len(deleted[0].Deleted) == 1 && count() == 0, deleted)
}

func deniedWrite() {
	one := client(kgo.MetadataMinAge(200 * time.Millisecond))
	defer one.Close()
	send := func() error {
		ctx, cancel := bounded()
		defer cancel()
		return one.ProduceSync(ctx, &kgo.Record{Topic: scenario.Topic("closed"), Value: []byte("granted")}).FirstErr()
	}
	steps.Step("denied-write", func() error {
		err := send()
		return steps.Check(errors.Is(err, kerr.TopicAuthorizationFailed), err)
	})
	scenario.Please("grant-write")
	steps.Step("granted-write", send)
}

func deniedGroup() {
	one := client(kgo.ConsumerGroup(scenario.Topic("closed")), kgo.ConsumeTopics(orders), kgo.DisableAutoCommit(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	defer one.Close()
	steps.Step("denied-group", func() error {
		_, err := read(one, 1)
		return steps.Check(errors.Is(err, kerr.GroupAuthorizationFailed), err)
	})
	scenario.Please("grant-group")
	steps.Step("granted-group", func() error {
		ctx, cancel := bounded()
		defer cancel()
		count := 0
		for count < len(scenario.Written) && ctx.Err() == nil {
			// Refusals from before the grant may still wait.
			count += one.PollFetches(ctx).NumRecords()
		}
		return steps.Check(count == len(scenario.Written), count)
	})
}

func follow(one steps.Followed) error {
	options := []kgo.Opt{kgo.ConsumeTopics(one.Topic), kgo.FetchMaxPartitionBytes(int32(scenario.FetchBytes))}
	if one.Protocol == "share" {
		options = append(options, kgo.ShareGroup(one.Group))
	} else {
		options = append(options, kgo.ConsumerGroup(one.Group), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
			kgo.AutoCommitInterval(time.Duration(scenario.CommitMs)*time.Millisecond))
	}
	if one.Protocol == "consumer" {
		options = append(options, kgo.ServerSideBalancer(), kgo.Balancers(kgo.RangeBalancer()))
	}
	if one.ReadsCommitted() {
		options = append(options, kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	}
	member := client(options...)
	defer member.Close()
	for {
		fetches := member.PollFetches(context.Background())
		if err := fetches.Err(); err != nil {
			return err
		}
		for _, record := range fetches.Records() {
			one.Got(record.Value)
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
	group("consume", "resume", "classic")
	group("consume-848", "resume-848", "new", kgo.ServerSideBalancer(), kgo.Balancers(kgo.RangeBalancer()))
	steps.Step("share", share)
	steps.Step("transaction", transaction)
	steps.Step("cluster", cluster)
	steps.Step("offsets", offsets)
	steps.Step("configs", configs)
	steps.Step("groups", groups)
	steps.Step("acls", acls)
	deniedWrite()
	deniedGroup()
}
