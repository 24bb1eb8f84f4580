package playbook

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"cordon/internal/action"
	"cordon/internal/casefile"
)

// resolveCredentials names the user whom a key or a federated user belongs to.
func resolveCredentials(ctx context.Context, c *action.AWS, in Incident) (casefile.Subject, error) {
	s := in.Subject
	switch {
	case s.Kind == casefile.FederatedUser:
		if name := issuer(in); name != "" {
			return userSubject(s, name), nil
		}
		return s, nil
	case s.Kind != casefile.AccessKey:
		return s, nil
	case strings.HasPrefix(s.ID, "ASIA"):
		return ownerOfTemporary(in)
	}
	return ownerOfKey(ctx, c, in)
}

func userSubject(s casefile.Subject, name string) casefile.Subject {
	s.Kind, s.ID, s.ARN = casefile.IAMUser, name, ""
	return s
}

// ownerOfTemporary: of the key of a session AWS says the account, and nobody's name; the finding may.
func ownerOfTemporary(in Incident) (casefile.Subject, error) {
	if owner, ok := named(in, casefile.IAMUser); ok {
		return owner, nil
	}
	if owner, ok := named(in, casefile.FederatedUser); ok {
		if name := issuer(in); name != "" {
			return userSubject(owner, name), nil
		}
		return owner, nil
	}
	return in.Subject, fmt.Errorf("access key %s is a session's, and AWS does not say whose: the log does. "+
		"Let it be read with --lookup or --logs PATH, or name the user or role (iam-user:NAME, iam-role:NAME)", in.Subject.ID)
}

// named is the one subject of a kind that the finding names in the key's account. Of two, nobody knows whose it is.
func named(in Incident, k casefile.Kind) (casefile.Subject, bool) {
	var found casefile.Subject
	n := 0
	for _, s := range in.Finding.Subjects {
		if s.Kind == k && (s.Account == "" || in.Subject.Account == "" || s.Account == in.Subject.Account) {
			found = s
			n++
		}
	}
	return found, n == 1
}

// issuer is the user whose key made a federated user's session, where the finding names it, or the log did; else "".
func issuer(in Incident) string {
	if in.Reached != nil {
		if name := action.CallerUser(in.Reached.Via); name != "" {
			return name
		}
	}
	owner, _ := named(in, casefile.IAMUser)
	return owner.ID
}

// issuerUnknown: a federated user has no policies of its own. CloudTrail's records of it hold the issuer
// (docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html, sessionIssuer).
func issuerUnknown(name string) string {
	return fmt.Sprintf("%s is a federated user: it is cut by denying the IAM user whose key made its session with GetFederationToken, and nothing here names that. "+
		"CloudTrail does, in the federated user's own events, as sessionIssuer: plan again with --lookup or --logs PATH, or for iam-user:NAME", name)
}

// ownerOfKey asks AWS. That it knows no such key (any more) does not end what was made from it, so the finding's own
// word counts then.
func ownerOfKey(ctx context.Context, c *action.AWS, in Incident) (casefile.Subject, error) {
	s := in.Subject
	// AWS tells anybody a key's account (docs.aws.amazon.com/STS/latest/APIReference/API_GetAccessKeyInfo.html).
	info, infoErr := c.STS.GetAccessKeyInfo(ctx, &sts.GetAccessKeyInfoInput{AccessKeyId: aws.String(s.ID)})
	if infoErr == nil && aws.ToString(info.Account) != "" && aws.ToString(info.Account) != c.Account {
		return s, fmt.Errorf("access key %s is of account %s, and these are credentials of account %s: log in there, or tell its owner", s.ID, aws.ToString(info.Account), c.Account)
	}
	out, err := c.IAM.GetAccessKeyLastUsed(ctx, &iam.GetAccessKeyLastUsedInput{AccessKeyId: aws.String(s.ID)})
	switch {
	case err == nil && userName(out) != "":
		return userSubject(s, userName(out)), nil
	case err == nil:
		return s, fmt.Errorf("access key %s is of the root user of account %s: nothing inside an account denies its root user, and only root itself, or the organisation with centralised root access, "+
			"can delete its keys. What can be done about the account as a whole: cordon plan account:%s", s.ID, c.Account, c.Account)
	}
	if owner, ok := named(in, casefile.IAMUser); ok {
		return owner, nil
	}
	// A key that the account does not have is answered like one that the caller may not ask about.
	return s, fmt.Errorf("ask whose access key %s is: %w. If it was deleted, its sessions still live: name the user (iam-user:NAME), whom CloudTrail knows by the key (--lookup, --logs PATH)", s.ID, err)
}

// userName is the key's user. Root is no user: it has no name, or one that no user can have.
func userName(out *iam.GetAccessKeyLastUsedOutput) string {
	if name := aws.ToString(out.UserName); !strings.ContainsAny(name, "<> ") {
		return name
	}
	return ""
}
