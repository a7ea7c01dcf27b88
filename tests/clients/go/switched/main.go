// switched is a transactional producer and a group of one consumer of franz-go that reads what was committed: it says when each
// transaction was committed, or had to be aborted, and when each of its records was read, until the end of its input.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"klamm/clients/steps"
)

const (
	records = 3
	pace    = 10 * time.Millisecond
	again   = 100 * time.Millisecond
)

var saying sync.Mutex

func say(format string, words ...any) {
	saying.Lock()
	defer saying.Unlock()
	fmt.Printf(format+"\n", words...)
}

func client(scenario map[string]string, more ...kgo.Opt) *kgo.Client {
	auth := plain.Auth{User: scenario["username"], Pass: scenario["password"]}
	all := append([]kgo.Opt{
		kgo.SeedBrokers(strings.Split(scenario["bootstrap"], ",")...),
		kgo.SASL(auth.AsMechanism()),
	}, more...)
	made, err := kgo.NewClient(all...)
	if err != nil {
		panic(err)
	}
	return made
}

func read(scenario map[string]string, beginning string) {
	one := client(scenario,
		kgo.ConsumeTopics(scenario["topic"]),
		kgo.ConsumerGroup("switched-"+scenario["client"]),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()))
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
			if rest, isOwn := strings.CutPrefix(string(record.Value), beginning); isOwn {
				say("read %d %s", time.Now().UnixMilli(), rest)
			}
		})
	}
}

func write(one *kgo.Client, value string) error {
	ctx := context.Background()
	if err := one.BeginTransaction(); err != nil {
		return err
	}
	for part := range records {
		if err := one.ProduceSync(ctx, kgo.StringRecord(fmt.Sprint(value, " ", part))).FirstErr(); err != nil {
			return err
		}
		time.Sleep(pace)
	}
	return one.EndTransaction(ctx, kgo.TryCommit)
}

func abort(one *kgo.Client) error {
	ctx := context.Background()
	if err := one.AbortBufferedRecords(ctx); err != nil {
		return err
	}
	return one.EndTransaction(ctx, kgo.TryAbort)
}

func main() {
	scenario := steps.Fields()
	beginning := scenario["client"] + " "
	go read(scenario, beginning)
	told := make(chan bool)
	go func() {
		bufio.NewReader(os.Stdin).ReadString('\n')
		close(told)
	}()
	timeout, err := strconv.Atoi(scenario["timeout"])
	if err != nil {
		panic(err)
	}
	one := client(scenario,
		kgo.DefaultProduceTopic(scenario["topic"]),
		kgo.TransactionalID("switched-"+scenario["client"]),
		kgo.TransactionTimeout(time.Duration(timeout)*time.Millisecond))
	for number := 0; ; number++ {
		select {
		case <-told:
			return
		default:
		}
		err := write(one, fmt.Sprint(beginning, number))
		if err == nil {
			say("committed %d %d", time.Now().UnixMilli(), number)
			continue
		}
		say("aborts %d %d %v", time.Now().UnixMilli(), number, err)
		if err := abort(one); err != nil {
			say("failed to abort: %v", err)
			os.Exit(1)
		}
		time.Sleep(again)
	}
}
