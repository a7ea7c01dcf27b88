// Package logins is what the Go programs of logins share: what a login is, and how it is told what came of it. It knows
// no client.
package logins

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	// Limit is how long one login may take, with what is done then.
	Limit = 60 * time.Second
	// AtOnce is how many are tried at the same time.
	AtOnce = 16
	// Pause is between the records of a login that goes on.
	Pause = 250 * time.Millisecond
)

// Login is a line of the input.
type Login struct {
	ID, Bootstrap, Topic, Record string
	// Without a mechanism there is no SASL.
	Mechanism, Username, Password, Token string
	// Endpoint is where the provider gives a token for Username and Password.
	Endpoint string
	// Files in PEM. Without a CA there is no TLS.
	CA, Certificate, Key string
	// Resolve is where all names lead, if they are nobody else's.
	Resolve string
	// Seconds is for how long records are produced; at least one is.
	Seconds float64
}

// TLS is nil where there is none.
func (l Login) TLS() *tls.Config {
	if l.CA == "" {
		return nil
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(must(os.ReadFile(l.CA)))
	config := &tls.Config{RootCAs: pool}
	if l.Certificate != "" {
		pair := must(tls.LoadX509KeyPair(l.Certificate, l.Key))
		// Shown whatever authorities the other side names.
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	}
	return config
}

// Address is where to connect for an address of Kafka.
func (l Login) Address(address string) string {
	if l.Resolve == "" {
		return address
	}
	_, port, _ := net.SplitHostPort(address)
	return net.JoinHostPort(l.Resolve, port)
}

// Produce calls send until the time is over, at least once; it gives how often.
func (l Login) Produce(send func() error) (int, error) {
	end := time.Now().Add(time.Duration(l.Seconds * float64(time.Second)))
	for count := 1; ; count++ {
		if err := send(); err != nil {
			return count - 1, err
		}
		if !time.Now().Before(end) {
			return count, nil
		}
		time.Sleep(Pause)
	}
}

// Serve tries every login of the input. try gives how many records were produced; refused is whether an error of the
// client says that the login was.
func Serve(try func(context.Context, Login) (int, error), refused func(error) bool) {
	var all sync.WaitGroup
	slots := make(chan struct{}, AtOnce)
	for input := bufio.NewScanner(os.Stdin); input.Scan(); {
		var login Login
		if err := json.Unmarshal(input.Bytes(), &login); err != nil {
			panic(err)
		}
		all.Add(1)
		go func() {
			defer all.Done()
			slots <- struct{}{}
			if login.Endpoint != "" {
				fmt.Printf("%s cannot ask a provider itself\n", login.ID)
				<-slots
				return
			}
			ctx, cancel := context.WithTimeout(context.Background(), Limit)
			count, err := try(ctx, login)
			cancel()
			<-slots
			if err == nil {
				fmt.Printf("%s ok %d\n", login.ID, count)
			} else {
				fmt.Printf("%s %s %s\n", login.ID, kind(err, refused), strings.Join(strings.Fields(err.Error()), " "))
			}
		}()
	}
	all.Wait()
}

func kind(err error, refused func(error) bool) string {
	var alert tls.AlertError
	var unknown *tls.CertificateVerificationError
	switch {
	case refused(err):
		return "refused"
	case errors.As(err, &alert), errors.As(err, &unknown), strings.Contains(err.Error(), "tls: "):
		return "tls"
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET):
		return "closed"
	default:
		return "failed"
	}
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}
