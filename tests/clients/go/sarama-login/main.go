// sarama logs in.
package main

import (
	"context"
	"errors"
	"net"
	"strings"
	"time"

	"github.com/IBM/sarama"
	"github.com/xdg-go/scram"

	"klamm/clients/logins"
)

// scramClient is what sarama leaves to others.
type scramClient struct {
	hash scram.HashGeneratorFcn
	*scram.ClientConversation
}

func (c *scramClient) Begin(user, password, authzID string) error {
	client, err := c.hash.NewClient(user, password, authzID)
	if err == nil {
		c.ClientConversation = client.NewConversation()
	}
	return err
}

type bearer string

func (b bearer) Token() (*sarama.AccessToken, error) { return &sarama.AccessToken{Token: string(b)}, nil }

type dialer struct{ login logins.Login }

func (d dialer) Dial(network, address string) (net.Conn, error) {
	return net.DialTimeout(network, d.login.Address(address), 10*time.Second)
}

func settings(login logins.Login) *sarama.Config {
	all := sarama.NewConfig()
	all.Version = sarama.MaxVersion
	all.Metadata.Retry.Max = 0
	all.Producer.Return.Successes = true
	sasl := &all.Net.SASL
	sasl.Enable = login.Mechanism != ""
	sasl.Mechanism = sarama.SASLMechanism(login.Mechanism)
	sasl.User, sasl.Password = login.Username, login.Password
	hashes := map[string]scram.HashGeneratorFcn{"SCRAM-SHA-256": scram.SHA256, "SCRAM-SHA-512": scram.SHA512}
	sasl.SCRAMClientGeneratorFunc = func() sarama.SCRAMClient { return &scramClient{hash: hashes[login.Mechanism]} }
	sasl.TokenProvider = bearer(login.Token)
	all.Net.TLS.Config = login.TLS()
	all.Net.TLS.Enable = all.Net.TLS.Config != nil
	if login.Resolve != "" {
		all.Net.Proxy.Enable, all.Net.Proxy.Dialer = true, dialer{login}
	}
	return all
}

func try(ctx context.Context, login logins.Login) (int, error) {
	client, err := sarama.NewClient(strings.Split(login.Bootstrap, ","), settings(login))
	if err != nil {
		return 0, err
	}
	defer client.Close()
	producer, err := sarama.NewSyncProducerFromClient(client)
	if err != nil {
		return 0, err
	}
	defer producer.Close()
	count, err := login.Produce(func() error {
		_, _, err := producer.SendMessage(&sarama.ProducerMessage{Topic: login.Topic, Value: sarama.StringEncoder(login.Record)})
		return err
	})
	if err != nil {
		return count, err
	}
	consumer, err := sarama.NewConsumerFromClient(client)
	if err != nil {
		return count, err
	}
	partition, err := consumer.ConsumePartition(login.Topic, 0, sarama.OffsetOldest)
	if err != nil {
		return count, err
	}
	defer partition.Close()
	for {
		select {
		case message := <-partition.Messages():
			if string(message.Value) == login.Record {
				return count, nil
			}
		case <-ctx.Done():
			return count, ctx.Err()
		}
	}
}

func main() {
	logins.Serve(try, func(err error) bool {
		return errors.Is(err, sarama.ErrSASLAuthenticationFailed) || errors.Is(err, sarama.ErrIllegalSASLState)
	})
}
