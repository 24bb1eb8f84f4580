package action

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"golang.org/x/sync/errgroup"
)

// roleQuota is the characters of all inline policies of a role together, white space apart
// (docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html).
const roleQuota = 10240

// shortHash names things of cordon's own within IAM's and EC2's alphabets.
func shortHash(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\n")))
	return hex.EncodeToString(sum[:8])
}

// inlinePolicy reads one inline policy of a role. IAM answers alike for a role and for a policy that is not
// there, so the role is looked at before "no policy" is believed. IAM gives documents percent-encoded.
func inlinePolicy(ctx context.Context, c *AWS, role, name string) (document string, found bool, err error) {
	out, err := c.IAM.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: aws.String(role), PolicyName: aws.String(name)})
	if hasCode(err, "NoSuchEntity") {
		_, err := findRole(ctx, c, role)
		return "", false, err
	}
	if err != nil {
		return "", false, fmt.Errorf("read policy %s of role %s: %w", name, role, err)
	}
	document, err = url.PathUnescape(aws.ToString(out.PolicyDocument))
	if err != nil {
		return "", false, fmt.Errorf("decode policy %s of role %s: %w", name, role, err)
	}
	return document, true, nil
}

func findRole(ctx context.Context, c *AWS, name string) (*iam.GetRoleOutput, error) {
	out, err := c.IAM.GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String(name)})
	if hasCode(err, "NoSuchEntity") {
		return nil, fmt.Errorf("role %s: %w", name, ErrGone)
	}
	if err != nil {
		return nil, fmt.Errorf("look at role %s: %w", name, err)
	}
	if out.Role == nil {
		return nil, fmt.Errorf("look at role %s: AWS answered without one", name)
	}
	return out, nil
}

// uneditable says why no policy can be put on a role of AWS's own, and what to do instead, "" for other roles. It goes by
// the path, which AWS alone can give: a name is whoever makes the role's to choose, AWSReservedSSO_ in front or not.
func uneditable(path, name string) string {
	switch {
	case strings.HasPrefix(path, "/aws-service-role/"):
		return fmt.Sprintf("role %s is linked to an AWS service, which alone may change it: stop what uses it in that service", name)
	case strings.HasPrefix(path, "/aws-reserved/sso.amazonaws.com/"):
		return fmt.Sprintf("role %s belongs to IAM Identity Center and cannot be edited in IAM: remove the assignment, or end the user's sessions, in Identity Center", name)
	}
	return ""
}

// editable refuses a role of AWS's own, and one that is not the one planned for: a role made anew under the same
// name has another id.
func editable(role *iam.GetRoleOutput, t Target) error {
	if why := uneditable(aws.ToString(role.Role.Path), t.ID); why != "" {
		return errors.New(why)
	}
	if id := t.Param("role_id"); id != "" && aws.ToString(role.Role.RoleId) != id {
		return fmt.Errorf("role %s is not the one of the plan: it was %s and is %s now", t.ID, id, aws.ToString(role.Role.RoleId))
	}
	return nil
}

// roomFor looks whether a document fits beside the role's other inline policies, before anything is sent.
func roomFor(ctx context.Context, c *AWS, role, name, document string) error {
	used, err := InlineSize(ctx, c, role, name)
	if err != nil {
		return err
	}
	if need := visible(document); used+need > roleQuota {
		return fmt.Errorf("the inline policies of role %s take %d of %d characters, and cordon's deny needs %d: "+
			"move one of them into a managed policy, or detach the role's policies", role, used, roleQuota, need)
	}
	return nil
}

// InlineSize is how many characters the role's inline policies take of its quota, but for the one of a name. They are
// read side by side: a role may have dozens, and the deny waits for it.
func InlineSize(ctx context.Context, c *AWS, role, but string) (int, error) {
	var names []string
	pages := iam.NewListRolePoliciesPaginator(c.IAM, &iam.ListRolePoliciesInput{RoleName: aws.String(role), MaxItems: aws.Int32(1000)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return 0, fmt.Errorf("list the inline policies of role %s: %w", role, err)
		}
		names = append(names, page.PolicyNames...)
	}
	var used atomic.Int64
	var all errgroup.Group
	all.SetLimit(16)
	for _, name := range names {
		if name == but {
			continue
		}
		all.Go(func() error {
			text, _, err := inlinePolicy(ctx, c, role, name)
			used.Add(int64(visible(text)))
			return err
		})
	}
	err := all.Wait()
	return int(used.Load()), err
}

// RoomForDeny tells whether a role whose inline policies take so many characters has room for more that deny its
// sessions, or one of them.
func RoomForDeny(used, denies int) bool {
	widest := DenyRoleSessionPolicy(strings.Repeat("A", 32), strings.Repeat("s", 64))
	return used+denies*max(visible(widest), visible(RevokeSessionsPolicy(time.Unix(0, 0)))) <= roleQuota
}

// visible counts the characters that count against the quota.
func visible(text string) int {
	n := 0
	for _, r := range text {
		if !unicode.IsSpace(r) {
			n++
		}
	}
	return n
}

func putPolicy(ctx context.Context, c *AWS, role, name, document string) error {
	_, err := c.IAM.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: aws.String(role), PolicyName: aws.String(name), PolicyDocument: aws.String(document)})
	if err != nil {
		return fmt.Errorf("put policy %s on role %s: %w", name, role, err)
	}
	return nil
}

func deletePolicy(ctx context.Context, c *AWS, role, name string) error {
	_, err := c.IAM.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: aws.String(role), PolicyName: aws.String(name)})
	if err != nil && !hasCode(err, "NoSuchEntity") {
		return fmt.Errorf("delete policy %s of role %s: %w", name, role, err)
	}
	return nil
}

// roleUsers lists the region's other instances that have the role, by its instance profiles: a profile's name
// need not be its role's.
func roleUsers(ctx context.Context, c *AWS, t Target) ([]ec2types.Instance, error) {
	var arns []string
	profiles := iam.NewListInstanceProfilesForRolePaginator(c.IAM, &iam.ListInstanceProfilesForRoleInput{RoleName: aws.String(t.ID)})
	for profiles.HasMorePages() {
		page, err := profiles.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list the instance profiles of role %s: %w", t.ID, err)
		}
		for _, p := range page.InstanceProfiles {
			arns = append(arns, aws.ToString(p.Arn))
		}
	}
	if len(arns) == 0 {
		return nil, nil
	}
	var users []ec2types.Instance
	pages := ec2.NewDescribeInstancesPaginator(c.EC2, &ec2.DescribeInstancesInput{Filters: []ec2types.Filter{
		ec2Filter("iam-instance-profile.arn", arns...),
		ec2Filter("instance-state-name", "pending", "running", "stopping", "stopped"),
	}})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list the instances with role %s: %w", t.ID, err)
		}
		for _, r := range page.Reservations {
			for _, i := range r.Instances {
				if aws.ToString(i.InstanceId) != t.Parent {
					users = append(users, i)
				}
			}
		}
	}
	return users, nil
}
