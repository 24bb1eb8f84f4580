package action

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"cordon/internal/casefile"
)

// sessionDeny says what cordon's policy for this case and instance is on the role: none, keep-ssm, full, or
// other, where somebody has put something else under its name.
type sessionDeny struct {
	Policy string `json:"policy"`
}

const (
	policyNone    = "none"
	policyKeepSSM = "keep-ssm"
	policyFull    = "full"
	policyOther   = "other"
)

// DenyInstanceSession cuts the credentials that the role has issued to one instance. Taking the profile off
// leaves them alive for hours; revoking the role's sessions hits every other user of the role.
var DenyInstanceSession = define(Spec[sessionDeny]{
	Name:    "iam-deny-instance-session",
	Summary: "Deny everything to the credentials that the role has issued to this instance. Others who use the role notice nothing.",
	Phase:   casefile.Contain,
	Target:  casefile.IAMRole,
	Reads: Ops{
		op((*iam.Client).GetRolePolicy), op((*iam.Client).GetRole), op((*iam.Client).ListRolePolicies),
		op((*iam.Client).ListInstanceProfilesForRole), op((*ec2.Client).DescribeInstances),
	},
	Writes:     Ops{op((*iam.Client).PutRolePolicy)},
	UndoWrites: Ops{op((*iam.Client).PutRolePolicy), op((*iam.Client).DeleteRolePolicy)},
	Observe: func(ctx context.Context, c *AWS, t Target) (sessionDeny, error) {
		document, found, err := inlinePolicy(ctx, c, t.ID, sessionPolicyName(t))
		if err != nil {
			return sessionDeny{}, err
		}
		return sessionDeny{whichDeny(t, document, found)}, nil
	},
	Status: func(t Target, now sessionDeny) Status {
		if now.Policy == policyFull || (now.Policy == policyKeepSSM && t.Param("ssm") == "keep") {
			return Done
		}
		return Todo
	},
	Apply: applySessionDeny,
	Undo: func(ctx context.Context, c *AWS, t Target, before, now sessionDeny) error {
		switch {
		case before == now:
			return nil
		case now.Policy == policyOther:
			return fmt.Errorf("policy %s of role %s is no longer what cordon put there: it is left alone", sessionPolicyName(t), t.ID)
		case before.Policy == policyNone:
			return deletePolicy(ctx, c, t.ID, sessionPolicyName(t))
		}
		return putPolicy(ctx, c, t.ID, sessionPolicyName(t), sessionPolicy(t, before.Policy == policyKeepSSM))
	},
	Impact: func(ctx context.Context, c *AWS, t Target, _ sessionDeny) ([]string, error) {
		users, err := roleUsers(ctx, c, t)
		if err != nil {
			return nil, err
		}
		return []string{fmt.Sprintf("this instance alone; %s in %s with the role keep it", plural(len(users), "other instance"), c.Region)}, nil
	},
	Change: func(t Target, now sessionDeny) string {
		to := policyFull
		if t.Param("ssm") == "keep" {
			to = policyKeepSSM
		}
		return now.Policy + " -> " + to
	},
	Returns: roleSessionsReturn,
})

// sessionPolicyName is one per case and instance, so that a later step of the case can tighten the deny.
func sessionPolicyName(t Target) string {
	return "cordon-deny-" + shortHash(t.Case, t.Parent)
}

func sessionPolicy(t Target, keepSSM bool) string {
	return DenySessionPolicy(t.Param("role_id"), t.Parent, keepSSM)
}

func whichDeny(t Target, document string, found bool) string {
	switch {
	case !found:
		return policyNone
	case samePolicy(document, sessionPolicy(t, false)):
		return policyFull
	case samePolicy(document, sessionPolicy(t, true)):
		return policyKeepSSM
	}
	return policyOther
}

func applySessionDeny(ctx context.Context, c *AWS, t Target, now sessionDeny) error {
	name, document := sessionPolicyName(t), sessionPolicy(t, t.Param("ssm") == "keep")
	if now.Policy == policyOther {
		return fmt.Errorf("role %s has a policy %s that cordon did not write: it is not overwritten", t.ID, name)
	}
	if t.Param("role_id") == "" || t.Parent == "" {
		return errors.New("the plan does not say which role id and instance to deny")
	}
	role, err := findRole(ctx, c, t.ID)
	if err != nil {
		return err
	}
	if err := editable(role, t); err != nil {
		return err
	}
	if c.SessionOf(t.ID) == t.Parent {
		return fmt.Errorf("cordon itself acts with this instance's session of role %s, and would cut itself off: use other credentials", aws.ToString(role.Role.RoleName))
	}
	if err := roomFor(ctx, c, t.ID, name, document); err != nil {
		return err
	}
	return putPolicy(ctx, c, t.ID, name, document)
}
