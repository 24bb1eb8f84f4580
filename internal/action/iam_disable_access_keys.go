package action

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// DisableKeys makes every access key of a user Inactive: an intruder makes a second one. The sessions that were made
// from a key outlive it (docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html gives them up to 36
// hours); DenyUser is for them.
var DisableKeys = disable(credentialKind{
	name:    "iam-disable-access-keys",
	summary: "Make all access keys of the user Inactive. Whatever still signs with one fails at once.",
	one:     "access key",
	reads:   Ops{op((*iam.Client).ListAccessKeys), op((*iam.Client).GetAccessKeyLastUsed), op((*iam.Client).GetUser)},
	writes:  Ops{op((*iam.Client).UpdateAccessKey)},
	list: func(ctx context.Context, c *AWS, user string) (map[string]string, error) {
		keys, err := AccessKeys(ctx, c, user)
		return statuses(keys), err
	},
	set: func(ctx context.Context, c *AWS, user, id string, status iamtypes.StatusType) error {
		_, err := c.IAM.UpdateAccessKey(ctx, &iam.UpdateAccessKeyInput{UserName: aws.String(user), AccessKeyId: aws.String(id), Status: status})
		return err
	},
	impact: LastUses,
})

// Key is an access key of a user.
type Key struct {
	ID     string
	Status iamtypes.StatusType
	Made   time.Time
}

// AccessKeys lists the keys of a user.
func AccessKeys(ctx context.Context, c *AWS, user string) ([]Key, error) {
	var keys []Key
	pages := iam.NewListAccessKeysPaginator(c.IAM, &iam.ListAccessKeysInput{UserName: aws.String(user)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, k := range page.AccessKeyMetadata {
			keys = append(keys, Key{aws.ToString(k.AccessKeyId), k.Status, aws.ToTime(k.CreateDate)})
		}
	}
	return keys, nil
}

func statuses(keys []Key) map[string]string {
	all := map[string]string{}
	for _, k := range keys {
		all[k.ID] = string(k.Status)
	}
	return all
}

// KeysSeen is what DisableKeys observes of a user who has these keys.
func KeysSeen(keys []Key) json.RawMessage { return seen(userCredentials{statuses(keys)}) }

// LastUses says what each active key was last used for: that is what will fail.
func LastUses(ctx context.Context, c *AWS, _ string, active []string) ([]string, error) {
	var lines []string
	for _, id := range active {
		out, err := c.IAM.GetAccessKeyLastUsed(ctx, &iam.GetAccessKeyLastUsedInput{AccessKeyId: aws.String(id)})
		if err != nil {
			return lines, fmt.Errorf("ask when access key %s was last used: %w", id, err)
		}
		lines = append(lines, id+" "+lastUse(out.AccessKeyLastUsed))
	}
	return lines, nil
}

// lastUse: of several uses within 15 minutes AWS keeps the first, and what came before April 2015 it does not know
// (docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_getting-report.html).
func lastUse(used *iamtypes.AccessKeyLastUsed) string {
	if used == nil || used.LastUsedDate == nil {
		return "was never used, as far as AWS knows"
	}
	line := "was last used " + used.LastUsedDate.UTC().Format(time.RFC3339)
	if s := aws.ToString(used.ServiceName); s != "" && s != "N/A" {
		line += ", for " + s
	}
	if r := aws.ToString(used.Region); r != "" && r != "N/A" {
		line += " in " + r
	}
	return line
}
