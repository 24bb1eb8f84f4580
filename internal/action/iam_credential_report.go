package action

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// KeyReport is what the credential report knows of the last uses of active keys: one answer for all users, and up to
// four hours old (docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_getting-report.html).
type KeyReport struct {
	Made time.Time
	uses map[string][]string // by user, a line for each of the first two keys that is active
}

// ReadKeyReport has the credential report made, for as long as ctx lasts, and reads it.
func ReadKeyReport(ctx context.Context, c *AWS) (*KeyReport, error) {
	for {
		ready, err := askForReport(ctx, c)
		if ctx.Err() != nil {
			return nil, errors.New("AWS is still making the credential report")
		}
		if err != nil {
			return nil, err
		}
		if ready {
			break
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
	out, err := c.IAM.GetCredentialReport(ctx, &iam.GetCredentialReportInput{})
	if err != nil {
		return nil, fmt.Errorf("read the credential report: %w", err)
	}
	r := &KeyReport{Made: aws.ToTime(out.GeneratedTime)}
	if r.uses, err = keyUses(out.Content); err != nil {
		return nil, fmt.Errorf("read the credential report of %s: %w", r.made(), err)
	}
	return r, nil
}

func (r *KeyReport) made() string { return r.Made.UTC().Format(time.RFC3339) }

// LastUses says what the active keys of a user, which were made then, were last used for, as far as the report knows. It
// names no key: that is not in it.
func (r *KeyReport) LastUses(user string, made []time.Time) []string {
	known, since := r.uses[user], 0
	for _, t := range made {
		if t.After(r.Made) {
			since++
		}
	}
	if since == len(made) {
		known = nil // those that it knows are off, or gone
	}
	var lines []string
	for _, use := range known {
		lines = append(lines, fmt.Sprintf("a key %s (credential report of %s)", use, r.made()))
	}
	if more := max(since, len(made)-len(known)); more > 0 {
		lines = append(lines, fmt.Sprintf("%s of which the credential report of %s does not know as active", plural(more, "key"), r.made()))
	}
	return lines
}

// askForReport has the credential report made. It is made anew at most every four hours
// (docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_getting-report.html).
func askForReport(ctx context.Context, c *AWS) (ready bool, err error) {
	out, err := c.IAM.GenerateCredentialReport(ctx, &iam.GenerateCredentialReportInput{})
	if err != nil {
		return false, fmt.Errorf("have the credential report made: %w", err)
	}
	return out.State == iamtypes.ReportStateTypeComplete, nil
}

// keyUses reads the report's columns by their names.
func keyUses(report []byte) (map[string][]string, error) {
	rows := csv.NewReader(bytes.NewReader(report))
	rows.FieldsPerRecord = -1
	all, err := rows.ReadAll()
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, errors.New("it is empty")
	}
	column := map[string]int{}
	for i, name := range all[0] {
		column[name] = i
	}
	if _, ok := column["user"]; !ok {
		return nil, fmt.Errorf("it has no column user, but %q", all[0])
	}
	uses := map[string][]string{}
	for _, row := range all[1:] {
		cell := func(name string) string {
			if i, ok := column[name]; ok && i < len(row) {
				return row[i]
			}
			return ""
		}
		for _, key := range []string{"access_key_1_", "access_key_2_"} {
			if strings.EqualFold(cell(key+"active"), "true") {
				uses[cell("user")] = append(uses[cell("user")], reportedUse(cell(key+"last_used_date"), cell(key+"last_used_service"), cell(key+"last_used_region")))
			}
		}
	}
	return uses, nil
}

func reportedUse(date, service, region string) string {
	used := &iamtypes.AccessKeyLastUsed{ServiceName: aws.String(service), Region: aws.String(region)}
	when, err := time.Parse(time.RFC3339, date)
	switch {
	case err == nil:
		used.LastUsedDate = &when
	case date != "N/A":
		return fmt.Sprintf("was last used at a time that cannot be read: %q", date)
	}
	return lastUse(used)
}
