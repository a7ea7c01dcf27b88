// franz-go logs in.
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"net"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/oauth"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"klamm/clients/logins"
)

func options(login logins.Login) []kgo.Opt {
	all := []kgo.Opt{kgo.SeedBrokers(login.Bootstrap), kgo.RequestRetries(1)}
	switch login.Mechanism {
	case "PLAIN":
		all = append(all, kgo.SASL(plain.Auth{User: login.Username, Pass: login.Password}.AsMechanism()))
	case "SCRAM-SHA-256":
		all = append(all, kgo.SASL(scram.Auth{User: login.Username, Pass: login.Password}.AsSha256Mechanism()))
	case "SCRAM-SHA-512":
		all = append(all, kgo.SASL(scram.Auth{User: login.Username, Pass: login.Password}.AsSha512Mechanism()))
	case "OAUTHBEARER":
		all = append(all, kgo.SASL(oauth.Auth{Token: login.Token}.AsMechanism()))
	}
	if login.Resolve != "" {
		all = append(all, kgo.Dialer(func(ctx context.Context, network, address string) (net.Conn, error) {
			config := login.TLS()
			config.ServerName, _, _ = net.SplitHostPort(address)
			return (&tls.Dialer{Config: config}).DialContext(ctx, network, login.Address(address))
		}))
	} else if config := login.TLS(); config != nil {
		all = append(all, kgo.DialTLSConfig(config))
	}
	return all
}

func try(ctx context.Context, login logins.Login) (int, error) {
	consume := []kgo.Opt{kgo.ConsumeTopics(login.Topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart())}
	client, err := kgo.NewClient(append(options(login), consume...)...)
	if err != nil {
		return 0, err
	}
	defer client.Close()
	if err := client.Ping(ctx); err != nil {
		return 0, err
	}
	count, err := login.Produce(func() error {
		return client.ProduceSync(ctx, &kgo.Record{Topic: login.Topic, Value: []byte(login.Record)}).FirstErr()
	})
	if err != nil {
		return count, err
	}
	for {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return count, err
		}
		for _, record := range fetches.Records() {
			if string(record.Value) == login.Record {
				return count, nil
			}
		}
	}
}

func main() {
	logins.Serve(try, func(err error) bool {
		// The last is what it makes of a server's words about a token (RFC 7628 §3.2.2).
		return errors.Is(err, kerr.SaslAuthenticationFailed) || errors.Is(err, kerr.IllegalSaslState) ||
			err.Error() == "unexpected data in oauth response"
	})
}
