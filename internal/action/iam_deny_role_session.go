package action

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"cordon/internal/casefile"
)

// DenyRoleSession cuts one session of a role: by its name, or by the source identity that its owner signed in with.
// A name is the caller's to choose and may be another one after the next step of a chain; a source identity cannot be
// changed, and goes with every role that is assumed from there
// (docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_control-access_disable-perms.html). The policy is named
// for the step's op-id, as that of RevokeRoleSessions is. Params: role_id, and session or source_identity.
var DenyRoleSession = define(Spec[sessionDeny]{
	Name:       "iam-deny-role-session",
	Summary:    "Deny everything to one session of the role, by its name or its source identity. Others who use the role notice nothing.",
	Phase:      casefile.Contain,
	Target:     casefile.IAMRole,
	Reads:      Ops{op((*iam.Client).GetRolePolicy), op((*iam.Client).GetRole), op((*iam.Client).ListRolePolicies)},
	Writes:     Ops{op((*iam.Client).PutRolePolicy)},
	UndoWrites: Ops{op((*iam.Client).DeleteRolePolicy)},
	Observe: func(ctx context.Context, c *AWS, t Target) (sessionDeny, error) {
		if t.OpID == "" {
			_, err := findRole(ctx, c, t.ID)
			return sessionDeny{policyNone}, err
		}
		document, found, err := inlinePolicy(ctx, c, t.ID, roleSessionPolicyName(t))
		if err != nil {
			return sessionDeny{}, err
		}
		want, err := oneSessionPolicy(t)
		switch {
		case !found:
			return sessionDeny{policyNone}, err
		case err == nil && samePolicy(document, want):
			return sessionDeny{policyFull}, nil
		}
		return sessionDeny{policyOther}, err
	},
	Status: func(_ Target, now sessionDeny) Status {
		if now.Policy == policyFull {
			return Done
		}
		return Todo
	},
	Apply: applyRoleSessionDeny,
	Undo: func(ctx context.Context, c *AWS, t Target, before, now sessionDeny) error {
		switch {
		case before == now:
			return nil
		case now.Policy == policyOther:
			return fmt.Errorf("policy %s of role %s is no longer what cordon put there: it is left alone", roleSessionPolicyName(t), t.ID)
		}
		return deletePolicy(ctx, c, t.ID, roleSessionPolicyName(t))
	},
	Impact: func(_ context.Context, _ *AWS, t Target, _ sessionDeny) ([]string, error) {
		return oneSessionImpact(t), nil
	},
	Change: func(t Target, _ sessionDeny) string { return oneSessionName(t) + " -> denied" },
	// As RevokeRoleSessions.
	Volatile: true,
	Returns:  roleSessionsReturn,
})

func roleSessionPolicyName(t Target) string {
	return "cordon-deny-session-" + shortHash(t.Case, t.OpID)
}

// What STS takes for either. Neither can hold a wildcard or a policy variable
// (docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html).
var sessionSyntax = regexp.MustCompile(`^[A-Za-z0-9_+=,.@-]{2,64}$`)

// oneSessionPolicy is the deny that a step asks for.
func oneSessionPolicy(t Target) (string, error) {
	name, source := t.Param("session"), t.Param("source_identity")
	switch {
	case (name == "") == (source == ""):
		return "", errors.New("the plan does not say which session to deny, by its name or its source identity")
	case !sessionSyntax.MatchString(name + source):
		return "", fmt.Errorf("%q can be neither the name nor the source identity of a session", name+source)
	case source != "":
		return DenySourceIdentityPolicy(source), nil
	case t.Param("role_id") == "":
		return "", errors.New("the plan does not say which role id to deny the session of")
	}
	return DenyRoleSessionPolicy(t.Param("role_id"), name), nil
}

func oneSessionName(t Target) string {
	if source := t.Param("source_identity"); source != "" {
		return "sessions of source identity " + source
	}
	return "session " + t.Param("session")
}

func oneSessionImpact(t Target) []string {
	if t.Param("source_identity") != "" {
		return []string{"whatever else signed in with this source identity, with new credentials too; every other session keeps the role"}
	}
	return []string{"every session of this name, whoever began it, with new credentials too; every other session keeps the role"}
}

func applyRoleSessionDeny(ctx context.Context, c *AWS, t Target, now sessionDeny) error {
	if now.Policy == policyOther {
		return fmt.Errorf("role %s has a policy %s that cordon did not write: it is not overwritten", t.ID, roleSessionPolicyName(t))
	}
	document, err := oneSessionPolicy(t)
	if err != nil {
		return err
	}
	role, err := findRole(ctx, c, t.ID)
	if err != nil {
		return err
	}
	if err := editable(role, t); err != nil {
		return err
	}
	if err := notOwnSession(c, t); err != nil {
		return err
	}
	if err := roomFor(ctx, c, t.ID, roleSessionPolicyName(t), document); err != nil {
		return err
	}
	return putPolicy(ctx, c, t.ID, roleSessionPolicyName(t), document)
}

// notOwnSession refuses what would cut the caller off: all of its role's sessions, its own, or, since the source
// identity of its own is not known, any by that.
func notOwnSession(c *AWS, t Target) error {
	own := c.SessionOf(t.ID)
	if own == "" || t.Param("session") != "" && t.Param("session") != own {
		return nil
	}
	return fmt.Errorf("cordon itself acts with session %s of role %s, and would cut itself off: use other credentials", own, t.ID)
}

// SessionName tells whether a text can be the name of a session, or a source identity.
func SessionName(text string) bool { return sessionSyntax.MatchString(text) }
