package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"cordon/internal/trail"
)

// readKeys reads what `aws cloudtrail list-public-keys` printed: the keys that CloudTrail signed a region's digest files
// with (docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_ListPublicKeys.html). They are the same for every
// account of the region, and so may come from any.
func readKeys(names []string) ([]trail.PublicKey, error) {
	var keys []trail.PublicKey
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read the public keys: %w", err)
		}
		var list struct {
			PublicKeyList []struct {
				Fingerprint                        string
				Value                              string
				ValidityStartTime, ValidityEndTime awsTime
			}
		}
		if err := json.Unmarshal(data, &list); err != nil {
			return nil, fmt.Errorf("read the public keys in %s: %w", name, err)
		}
		if len(list.PublicKeyList) == 0 {
			return nil, fmt.Errorf("%w: %s holds no PublicKeyList: it is what `aws cloudtrail list-public-keys` prints", errUsage, name)
		}
		for _, k := range list.PublicKeyList {
			der, err := base64.StdEncoding.DecodeString(k.Value)
			if err != nil {
				return nil, fmt.Errorf("read public key %q in %s: %w", k.Fingerprint, name, err)
			}
			keys = append(keys, trail.PublicKey{Fingerprint: k.Fingerprint, DER: der, From: k.ValidityStartTime.Time, Until: k.ValidityEndTime.Time})
		}
	}
	return keys, nil
}

// awsTime is a time as the AWS CLI prints it: RFC 3339 in version 2, seconds since 1970 in version 1.
type awsTime struct{ time.Time }

// UnmarshalJSON takes both.
func (t *awsTime) UnmarshalJSON(data []byte) error {
	var seconds float64
	if json.Unmarshal(data, &seconds) == nil {
		t.Time = time.Unix(int64(seconds), 0).UTC()
		return nil
	}
	return json.Unmarshal(data, &t.Time)
}
