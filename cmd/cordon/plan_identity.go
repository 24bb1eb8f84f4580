package main

import (
	"fmt"
	"regexp"

	"cordon/internal/action"
	"cordon/internal/playbook"
)

// What the choices about identities look like. Some of them are copied from findings and logs by somebody tired, and
// end in policies: each is what AWS allows, and nothing wider.
var (
	// A session's name and a source identity have one alphabet
	// (docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html).
	sessionSyntax = regexp.MustCompile(`^[A-Za-z0-9_+=,.@-]{2,64}$`)
	// An ARN of a principal, without wildcards (docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html).
	spareSyntax = regexp.MustCompile(`^arn:aws[a-z-]*:iam::[0-9]{12}:(user|role)/[A-Za-z0-9_+=,.@/-]+$`)
	// docs.aws.amazon.com/organizations/latest/APIReference/API_MoveAccount.html
	unitSyntax = regexp.MustCompile(`^(ou-[0-9a-z]{4,32}-[a-z0-9]{8,32}|r-[0-9a-z]{4,32})$`)
	// docs.aws.amazon.com/singlesignon/latest/IdentityStoreAPIReference/API_CreateUser.html
	ssoUserSyntax = regexp.MustCompile(`^[\p{L}\p{M}\p{S}\p{N}\p{P}]{1,128}$`)
	// docs.aws.amazon.com/directoryservicedata/latest/DirectoryServiceDataAPIReference/API_DisableUser.html
	directorySyntax = regexp.MustCompile(`^d-[0-9a-f]{10}/[A-Za-z0-9_.-]{1,64}$`)
)

// identityOptions refuses what is not of its syntax.
func identityOptions(o playbook.Options) error {
	one := func(flag, value, what string, syntax ...*regexp.Regexp) error {
		for _, s := range syntax {
			if value == "" || s.MatchString(value) {
				return nil
			}
		}
		return fmt.Errorf("%w: --%s %q is not %s", errUsage, flag, value, what)
	}
	checks := []error{
		one("only-session", o.OnlySession, "the name of a session", sessionSyntax),
		one("source-identity", o.SourceIdentity, "a source identity", sessionSyntax),
		one("sso-user", o.SSOUser, "a user name", ssoUserSyntax),
		one("quarantine-ou", o.QuarantineOU, "the id of an organisational unit (ou-…)", unitSyntax),
	}
	each := func(flag string, values []string, what string, syntax ...*regexp.Regexp) {
		for _, v := range values {
			if v == "" {
				v = " " // an empty value is not left out: it is wrong
			}
			checks = append(checks, one(flag, v, what, syntax...))
		}
	}
	for _, v := range o.CloseTo { // what a plan can close is what its hints name
		if _, err := action.ParseDoor(v, ""); err != nil {
			checks = append(checks, fmt.Errorf("%w: --close-to: %w", errUsage, err))
		}
	}
	for _, v := range o.CutProviders {
		if d, err := action.ParseDoor(v, ""); err != nil || !d.IsProvider() {
			checks = append(checks, fmt.Errorf("%w: --cut-provider %q is not the ARN of a SAML or OIDC provider", errUsage, v))
		}
	}
	each("directory-user", o.DirectoryUsers, "DIRECTORY/NAME (d-0123456789/alice)", directorySyntax)
	each("spare", o.Spare, "the ARN of a user or role", spareSyntax)
	for _, err := range checks {
		if err != nil {
			return err
		}
	}
	return nil
}
