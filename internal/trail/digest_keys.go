package trail

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"
)

// PublicKeysFrom reads CloudTrail's public keys as `aws cloudtrail list-public-keys` prints them. Keys prove nothing
// unless they come from AWS: one that lies among the logs may have been put there with them, and is not used.
func PublicKeysFrom(r io.Reader) ([]PublicKey, error) {
	const most = 4 << 20
	data, err := io.ReadAll(io.LimitReader(r, most+1))
	if err != nil {
		return nil, fmt.Errorf("read public keys: %w", err)
	}
	if len(data) > most {
		return nil, fmt.Errorf("read public keys: more than %d MiB", most>>20)
	}
	var list struct {
		PublicKeyList []struct {
			Value                              string
			Fingerprint                        string
			ValidityStartTime, ValidityEndTime json.RawMessage
		}
	}
	if err := json.Unmarshal(data, &list); err != nil {
		return nil, fmt.Errorf("read public keys: %w", err)
	}
	if len(list.PublicKeyList) == 0 {
		return nil, errors.New("read public keys: no PublicKeyList, or none in it")
	}
	var keys []PublicKey
	for i, k := range list.PublicKeyList {
		key := PublicKey{Fingerprint: k.Fingerprint}
		if key.DER, err = base64.StdEncoding.DecodeString(k.Value); err != nil {
			return nil, fmt.Errorf("public key %d: %w", i+1, err)
		}
		if _, err := x509.ParsePKCS1PublicKey(key.DER); err != nil {
			return nil, fmt.Errorf("public key %d: %w", i+1, err)
		}
		if key.From, err = keyTime(k.ValidityStartTime); err != nil {
			return nil, fmt.Errorf("public key %d: valid from: %w", i+1, err)
		}
		if key.Until, err = keyTime(k.ValidityEndTime); err != nil {
			return nil, fmt.Errorf("public key %d: valid until: %w", i+1, err)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// keyTime reads a time as the AWS CLI prints it: seconds since 1970 (version 1), or in words (version 2).
func keyTime(raw json.RawMessage) (time.Time, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return time.Time{}, nil
	}
	var words string
	if json.Unmarshal(raw, &words) == nil {
		return time.Parse(time.RFC3339Nano, words)
	}
	seconds, err := strconv.ParseFloat(string(raw), 64)
	if err != nil || seconds < 0 || seconds > 1<<40 {
		return time.Time{}, fmt.Errorf("%s is no time", clip(string(raw)))
	}
	return time.Unix(int64(seconds), 0).UTC(), nil
}
