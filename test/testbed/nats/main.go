// Makes an operator with a system account and one account that may use JetStream, and credentials of a user who may
// publish on one subject: what nsc would do, as JSON on standard output.
package main

import (
	"encoding/json"
	"log"
	"os"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"
)

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

func public(key nkeys.KeyPair) string { return must(key.PublicKey()) }

func main() {
	subject := os.Args[1]
	operator := must(nkeys.CreateOperator())
	system := must(nkeys.CreateAccount())
	account := must(nkeys.CreateAccount())
	user := must(nkeys.CreateUser())
	plain := must(nkeys.CreateUser())

	ofOperator := jwt.NewOperatorClaims(public(operator))
	ofOperator.Name = "testbed"
	ofOperator.SystemAccount = public(system)
	ofSystem := jwt.NewAccountClaims(public(system))
	ofSystem.Name = "system"
	ofAccount := jwt.NewAccountClaims(public(account))
	ofAccount.Name = "events"
	ofAccount.Limits.JetStreamLimits = jwt.JetStreamLimits{MemoryStorage: -1, DiskStorage: -1, Streams: -1, Consumer: -1}

	credentials := func(key nkeys.KeyPair, allowed string) string {
		ofUser := jwt.NewUserClaims(public(key))
		ofUser.Name = "petrel"
		ofUser.Permissions.Pub.Allow.Add(allowed)
		ofUser.Permissions.Sub.Allow.Add("_INBOX.>")
		token := must(ofUser.Encode(account))
		return string(must(jwt.FormatUserConfig(token, must(key.Seed()))))
	}
	result := map[string]string{
		"operator":      must(ofOperator.Encode(operator)),
		"system":        public(system),
		"systemToken":   must(ofSystem.Encode(operator)),
		"account":       public(account),
		"accountToken":  must(ofAccount.Encode(operator)),
		"credentials":   credentials(user, subject),
		"administrator": credentials(must(nkeys.CreateUser()), ">"),
		"nkeySeed":      string(must(plain.Seed())),
		"nkey":          public(plain),
	}
	if err := json.NewEncoder(os.Stdout).Encode(result); err != nil {
		log.Fatal(err)
	}
}
