package action

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"

	"cordon/internal/casefile"
)

// userKeys is the user's access keys and whether each is Active.
type userKeys struct {
	Keys map[string]string `json:"keys"`
}

// DisableKeys makes every access key of a user Inactive: the one that was named, and whatever an intruder made beside
// it, until the moment of the step. That the keys change under the plan is expected, and no drift.
var DisableKeys = define(Spec[userKeys]{
	Name:       "iam-disable-access-keys",
	Summary:    "Make all access keys of the user Inactive. Whatever still signs with one fails at once.",
	Phase:      casefile.Contain,
	Target:     casefile.IAMUser,
	Reads:      Ops{op((*iam.Client).ListAccessKeys), op((*iam.Client).GetAccessKeyLastUsed)},
	Writes:     Ops{op((*iam.Client).UpdateAccessKey)},
	UndoWrites: Ops{op((*iam.Client).UpdateAccessKey)},
	Observe: func(ctx context.Context, c *AWS, t Target) (userKeys, error) {
		keys := userKeys{Keys: map[string]string{}}
		pages := iam.NewListAccessKeysPaginator(c.IAM, &iam.ListAccessKeysInput{UserName: aws.String(t.ID)})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if hasCode(err, "NoSuchEntity") {
				return keys, fmt.Errorf("user %s: %w", t.ID, ErrGone)
			}
			if err != nil {
				return keys, fmt.Errorf("list the access keys of user %s: %w", t.ID, err)
			}
			for _, k := range page.AccessKeyMetadata {
				keys.Keys[aws.ToString(k.AccessKeyId)] = string(k.Status)
			}
		}
		return keys, nil
	},
	Status: func(_ Target, now userKeys) Status {
		if len(now.of(iamtypes.StatusTypeActive)) == 0 {
			return Done
		}
		return Todo
	},
	Apply: func(ctx context.Context, c *AWS, t Target, now userKeys) error {
		if err := notItself(c, t); err != nil {
			return err
		}
		return setKeys(ctx, c, t.ID, now.of(iamtypes.StatusTypeActive), iamtypes.StatusTypeInactive)
	},
	Undo: func(ctx context.Context, c *AWS, t Target, before, now userKeys) error {
		var back []string
		for _, id := range before.of(iamtypes.StatusTypeActive) {
			if now.Keys[id] == string(iamtypes.StatusTypeInactive) {
				back = append(back, id)
			}
		}
		return setKeys(ctx, c, t.ID, back, iamtypes.StatusTypeActive)
	},
	Impact: keysImpact,
	Change: func(_ Target, now userKeys) string {
		active := now.of(iamtypes.StatusTypeActive)
		if len(now.Keys) == 0 {
			return "no key yet; any that appears -> Inactive"
		}
		return fmt.Sprintf("%d of %d Active -> Inactive", len(active), len(now.Keys))
	},
	Partial:  true,
	Volatile: true,
})

func (k userKeys) of(status iamtypes.StatusType) []string {
	var ids []string
	for _, id := range slices.Sorted(maps.Keys(k.Keys)) {
		if k.Keys[id] == string(status) {
			ids = append(ids, id)
		}
	}
	return ids
}

// setKeys goes on past a key that fails: one that cannot be changed must not keep the others as they are.
func setKeys(ctx context.Context, c *AWS, user string, ids []string, status iamtypes.StatusType) error {
	var failed []error
	for _, id := range ids {
		_, err := c.IAM.UpdateAccessKey(ctx, &iam.UpdateAccessKeyInput{UserName: aws.String(user), AccessKeyId: aws.String(id), Status: status})
		if err != nil {
			failed = append(failed, fmt.Errorf("make access key %s of user %s %s: %w", id, user, status, err))
		}
	}
	return errors.Join(failed...)
}

// keysImpact says what each active key was last used for: that is what will fail.
func keysImpact(ctx context.Context, c *AWS, _ Target, now userKeys) ([]string, error) {
	var lines []string
	for _, id := range now.of(iamtypes.StatusTypeActive) {
		out, err := c.IAM.GetAccessKeyLastUsed(ctx, &iam.GetAccessKeyLastUsedInput{AccessKeyId: aws.String(id)})
		if err != nil {
			return lines, fmt.Errorf("ask when access key %s was last used: %w", id, err)
		}
		lines = append(lines, id+" "+lastUse(out.AccessKeyLastUsed))
	}
	return lines, nil
}

func lastUse(used *iamtypes.AccessKeyLastUsed) string {
	if used == nil || used.LastUsedDate == nil {
		return "was never used"
	}
	return fmt.Sprintf("was last used %s, for %s in %s", used.LastUsedDate.UTC().Format(time.RFC3339), aws.ToString(used.ServiceName), aws.ToString(used.Region))
}
