// Package steps is what the Go programs share: the scenario, how a step is told, what is written. It knows no client.
package steps

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"sort"
	"strconv"
	"strings"
	"time"
)

const (
	Count = 20
	Limit = 25 * time.Second
)

var Codecs = []string{"gzip", "snappy", "lz4", "zstd"}

// Scenario is what the file of the first argument says.
type Scenario struct {
	Bootstrap, Prefix, User, Token, SuperUser, SuperToken string
	// Brokers is how many the virtual cluster has.
	Brokers int
	// Following is empty unless the scenario says that topics are to be followed, instead of the steps.
	Following []Followed
	// FetchBytes and CommitMs are how much of a partition is fetched at once then, and how often offsets are committed.
	FetchBytes, CommitMs int
	// Written holds the values that went well, of all codecs.
	Written []string
	input   *bufio.Reader
}

// Followed is a topic, and the group that follows it.
type Followed struct{ Topic, Isolation, Protocol, Group string }

func (f Followed) ReadsCommitted() bool { return f.Isolation == "read_committed" }

func (f Followed) Got(value []byte) { fmt.Printf("got %s %s\n", f.Group, value) }

// Record is one of those that a step writes.
type Record struct{ Key, Value, Codec string }

// Fields are the lines of the file of the first argument, by name.
func Fields() map[string]string {
	text, err := os.ReadFile(os.Args[1])
	if err != nil {
		panic(err)
	}
	fields := map[string]string{}
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		name, value, _ := strings.Cut(line, "=")
		fields[name] = value
	}
	return fields
}

func Read() *Scenario {
	fields := Fields()
	number := func(name string) int {
		parsed, err := strconv.Atoi(fields[name])
		if err != nil {
			panic(err)
		}
		return parsed
	}
	input := bufio.NewReader(os.Stdin)
	if follow := fields["follow"]; follow != "" {
		var following []Followed
		for _, line := range strings.Split(follow, ",") {
			words := strings.Split(line, ":")
			following = append(following, Followed{words[0], words[1], words[2], words[3]})
		}
		return &Scenario{
			Bootstrap: fields["bootstrap"], User: fields["username"], Token: fields["password"],
			Following: following, FetchBytes: number("fetch.bytes"), CommitMs: number("commit.ms"),
			input: input,
		}
	}
	return &Scenario{
		Brokers:   number("brokers"),
		Bootstrap: fields["bootstrap"], Prefix: fields["prefix"],
		User: fields["username"], Token: fields["password"],
		SuperUser: fields["super.username"], SuperToken: fields["super.password"],
		input: input,
	}
}

// Follow follows each topic, until there is no input any more.
func (s *Scenario) Follow(follow func(Followed) error) {
	for _, one := range s.Following {
		go func() {
			if err := follow(one); err != nil {
				fmt.Printf("failed %s: %s\n", one.Group, strings.Join(strings.Fields(err.Error()), " "))
			}
		}()
	}
	io.Copy(io.Discard, s.input)
}

func (s *Scenario) Topic(name string) string { return s.Prefix + "-" + name }

func (s *Scenario) Group(name string) string { return s.Prefix + "-app-" + name }

func Records(codec string) []Record {
	var all []Record
	for n := range Count {
		all = append(all, Record{fmt.Sprintf("%s-key-%d", codec, n), fmt.Sprintf("%s-%d", codec, n), codec})
	}
	return all
}

func (s *Scenario) Wrote(codec string) {
	for _, record := range Records(codec) {
		s.Written = append(s.Written, record.Value)
	}
}

func Step(name string, run func() error) {
	if err := run(); err != nil {
		fmt.Printf("failed %s: %s\n", name, strings.Join(strings.Fields(err.Error()), " "))
		return
	}
	fmt.Printf("ok %s\n", name)
}

func Cannot(name, why string) { fmt.Printf("cannot %s: %s\n", name, why) }

func (s *Scenario) Please(what string) {
	fmt.Printf("please %s\n", what)
	s.input.ReadString('\n')
}

// Check is an error unless it holds; what is shown may be nil.
func Check(holds bool, shown ...any) error {
	if holds {
		return nil
	}
	return fmt.Errorf("not as expected: %v", shown)
}

// Same compares without order.
func Same(left, right []string) error {
	left, right = append([]string{}, left...), append([]string{}, right...)
	sort.Strings(left)
	sort.Strings(right)
	return Check(strings.Join(left, " ") == strings.Join(right, " "), len(left), "of", len(right), left)
}

// CheckRecord says whether key and header fit the value.
func CheckRecord(key, value, header string) error {
	codec := value[:strings.LastIndex(value, "-")]
	return Check(strings.HasPrefix(key, codec+"-key-") && header == codec, key, value, header)
}
