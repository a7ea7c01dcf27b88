// pace is a producer and a group of one consumer of franz-go at their default settings: it says when each record was stored
// and when it was read, and its number, until the end of its input.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"klamm/clients/steps"
)

const pace = 10 * time.Millisecond

var saying sync.Mutex

func say(format string, words ...any) {
	saying.Lock()
	defer saying.Unlock()
	fmt.Printf(format+"\n", words...)
}

func client(scenario map[string]string, more ...kgo.Opt) *kgo.Client {
	all := append([]kgo.Opt{kgo.SeedBrokers(strings.Split(scenario["bootstrap"], ",")...)}, more...)
	if scenario["username"] != "" {
		auth := plain.Auth{User: scenario["username"], Pass: scenario["password"]}
		all = append(all, kgo.SASL(auth.AsMechanism()))
	}
	made, err := kgo.NewClient(all...)
	if err != nil {
		panic(err)
	}
	return made
}

func read(scenario map[string]string) {
	one := client(scenario, kgo.ConsumeTopics(scenario["topic"]), kgo.ConsumerGroup("pace-franz-go"))
	for {
		fetches := one.PollFetches(context.Background())
		for _, failed := range fetches.Errors() {
			// The member was told that it has to join again, and does so by itself.
			var rejoins *kgo.ErrGroupSession
			if !errors.As(failed.Err, &rejoins) {
				say("failed to read: %v", failed.Err)
			}
		}
		fetches.EachRecord(func(record *kgo.Record) {
			if number, isOwn := strings.CutPrefix(string(record.Value), "franz-go "); isOwn {
				say("read %d %s", time.Now().UnixMilli(), number)
			}
		})
	}
}

func main() {
	scenario := steps.Fields()
	go read(scenario)
	told := make(chan bool)
	go func() {
		bufio.NewReader(os.Stdin).ReadString('\n')
		close(told)
	}()
	one := client(scenario, kgo.DefaultProduceTopic(scenario["topic"]))
	ticks := time.NewTicker(pace)
	for number := 0; ; number++ {
		select {
		case <-told:
			one.Flush(context.Background())
			return
		case <-ticks.C:
			one.Produce(context.Background(), kgo.StringRecord(fmt.Sprint("franz-go ", number)), func(_ *kgo.Record, err error) {
				if err == nil {
					say("stored %d %d", time.Now().UnixMilli(), number)
				} else {
					say("failed to write: %v", err)
				}
			})
		}
	}
}
