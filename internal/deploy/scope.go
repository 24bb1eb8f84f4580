package deploy

import (
	"encoding/json"
	"fmt"
	"strings"

	"cordon/internal/action"
)

// ScopePolicy is the least policy for `cordon scope` where it asks AWS: CloudTrail's event history (--lookup), and the
// logs under logs, "bucket" or "bucket/prefix" ("": none). Logs that a KMS key of the account encrypts need kms:Decrypt
// on that key besides, which only its owner can name.
func ScopePolicy(partition, logs string) (Document, error) {
	b := builder{}
	if err := b.read("CordonScopeLookup", action.IdentityOps.Plus(action.LookupReads)); err != nil {
		return Document{}, fmt.Errorf("make the IAM policy of cordon scope: %w", err)
	}
	if logs != "" {
		b.logs(partition, logs)
	}
	return Document{Version: newDocument().Version, Statement: b.statements}, nil
}

func (b *builder) logs(partition, logs string) {
	bucket, prefix, _ := strings.Cut(strings.Trim(logs, "/"), "/")
	bucketARN := "arn:" + partition + ":s3:::" + bucket
	list := conditions(nil)
	if prefix != "" {
		list = conditions{"StringLike": {"s3:prefix": {prefix + "*"}}}
	}
	b.statements = append(b.statements,
		Statement{Sid: "CordonScopeList", Effect: "Allow", Action: []string{"s3:ListBucket"}, Resource: []string{bucketARN}, Condition: list},
		Statement{Sid: "CordonScopeLogs", Effect: "Allow", Action: []string{"s3:GetObject"}, Resource: []string{bucketARN + "/" + prefix + "*"}})
}

// ScopePolicyText is what `cordon policy scope` prints.
func ScopePolicyText(partition, logs string) (string, error) {
	doc, err := ScopePolicy(partition, logs)
	if err != nil {
		return "", err
	}
	data, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return "", fmt.Errorf("write the IAM policy of cordon scope: %w", err)
	}
	return string(data) + "\n", nil
}
