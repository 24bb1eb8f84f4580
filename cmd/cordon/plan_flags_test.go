package main

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/spf13/cobra"

	"cordon/internal/awssim"
	"cordon/internal/casefile"
	"cordon/internal/playbook"
)

// TestHelpShowsEveryFlagOnce: a flag that is in no group would be in no help.
func TestHelpShowsEveryFlagOnce(t *testing.T) {
	a := &app{}
	for _, c := range []*cobra.Command{a.planCommand(), a.respondCommand(), a.drillCommand()} {
		var out bytes.Buffer
		c.SetOut(&out)
		if err := c.Usage(); err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^ +(?:-., )?--([a-z-]+)`).FindAllStringSubmatch(c.LocalFlags().FlagUsages(), -1) {
			shown := regexp.MustCompile(`(?m)^ +--`+m[1]+` `).FindAllString(out.String(), -1)
			if m[1] != "help" && len(shown) != 1 {
				t.Errorf("cordon %s --help shows --%s %d times", c.Name(), m[1], len(shown))
			}
		}
	}
}

// TestIdleChoicesAreSaid: a choice for a playbook that has no part in the plan would be believed to have been heeded.
func TestIdleChoicesAreSaid(t *testing.T) {
	p := planFlags{opts: playbook.Options{OnlySession: "i-0abc", SessionsOnly: true, QuarantineOU: "ou-x"}}
	plan := casefile.Plan{Subjects: []casefile.Subject{{Kind: casefile.IAMUser, Playbook: casefile.PlaybookCredentials}}}
	got := strings.Join(p.idle(plan), "\n")
	for flag, idle := range map[string]bool{"--only-session": true, "--quarantine-ou": true, "--sessions-only": false, "--standby": false} {
		if strings.Contains(got, flag) != idle {
			t.Errorf("%s: said to do nothing is %t:\n%s", flag, !idle, got)
		}
	}
}

// TestIdentityChoicesAreHeldToTheirSyntax: they are pasted from findings and logs, and end in policies.
func TestIdentityChoicesAreHeldToTheirSyntax(t *testing.T) {
	for _, tt := range []struct {
		good, bad []string
		set       func(o *playbook.Options, v string)
	}{
		{[]string{"i-0abc", "ann@example.com", "a.b_c=d,e+f-g"}, []string{"x", "a b", "a*", "a/b", "a\nb", "${aws:username}", strings.Repeat("a", 65)},
			func(o *playbook.Options, v string) { o.OnlySession = v }},
		{[]string{"ann"}, []string{"a?c", "*", "ann\x1b[31m"}, func(o *playbook.Options, v string) { o.SourceIdentity = v }},
		{[]string{"arn:aws:iam::111122223333:root", "arn:aws-us-gov:iam::111122223333:role/p/x", "arn:aws:sts::111122223333:assumed-role/r/s1", "111122223333",
			"arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com", "ec2.amazonaws.com", "ec2.amazonaws.com.cn", "accounts.google.com"},
			[]string{"", "*", "*.amazonaws.com", "evil.example", "ec2.amazonaws.com.evil.example", "arn:aws:iam::*:root", "arn:aws:iam::111122223333:role/*", "arn:aws:iam::111122223333:role/a\",\"AWS\":\"*", "1111", "arn:aws:iam::111122223333:role/ x"},
			func(o *playbook.Options, v string) { o.CloseTo = []string{v} }},
		{[]string{"arn:aws:iam::111122223333:saml-provider/corp"}, []string{"", "corp", "arn:aws:iam::111122223333:role/x", "arn:aws:iam::111122223333:saml-provider/*"},
			func(o *playbook.Options, v string) { o.CutProviders = []string{v} }},
		{[]string{"ann", "ann@example.com"}, []string{"a b", "a\x1bb", strings.Repeat("a", 129)}, func(o *playbook.Options, v string) { o.SSOUser = v }},
		{[]string{"d-0123456789/ann"}, []string{"", "ann", "d-0123456789/", "d-0123456789/a b", "d-1/ann"}, func(o *playbook.Options, v string) { o.DirectoryUsers = []string{v} }},
		{[]string{"arn:aws:iam::111122223333:role/ir"}, []string{"", "ir", "arn:aws:iam::111122223333:role/*", "arn:aws:iam::111122223333:root"},
			func(o *playbook.Options, v string) { o.Spare = []string{v} }},
		{[]string{"ou-ab12-cdefgh34"}, []string{"ou", "../x", "ou-ab12-cdefgh34 "}, func(o *playbook.Options, v string) { o.QuarantineOU = v }},
	} {
		try := func(v string) error {
			var o playbook.Options
			tt.set(&o, v)
			return identityOptions(o)
		}
		for _, v := range tt.good {
			if err := try(v); err != nil {
				t.Errorf("refused: %v", err)
			}
		}
		for _, v := range tt.bad {
			if err := try(v); status(err) != exitUsage {
				t.Errorf("%q: exit status %d, %v", v, status(err), err)
			}
		}
	}
}

// TestHintsAreTaken: what a plan says can be closed is what the options take, and is closed then.
func TestHintsAreTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := awssim.New(awssim.Options{})
		saml, oidc := w.AddSAMLProvider("corp", ""), w.AddOIDCProvider("token.actions.example.com/tenant-1", "sts.amazonaws.com")
		w.AddRole(awssim.Role{Name: "web", Trust: `{"Version":"2012-10-17","Statement":[` +
			`{"Effect":"Allow","Principal":{"Service":["ec2.amazonaws.com","states.eu-west-1.amazonaws.com"],"AWS":["999988887777","arn:aws:iam::444455556666:role/ci/x"]},"Action":"sts:AssumeRole"},` +
			`{"Effect":"Allow","Principal":{"Federated":"` + saml + `"},"Action":"sts:AssumeRoleWithSAML"},` +
			`{"Effect":"Allow","Principal":{"Federated":["` + oidc + `","accounts.google.com"]},"Action":"sts:AssumeRoleWithWebIdentity"}]}`})
		plan := cordonAs(t, w, responder, "", "plan", "iam-role:web")
		hints := regexp.MustCompile(`--(close-to|cut-provider) ([^ ,)]+)`).FindAllStringSubmatch(plan.out, -1)
		if len(hints) != 7+2 { // a provider of the account has both
			t.Fatalf("%d hints: %q in %s%s", len(hints), hints, plan.out, plan.err)
		}
		for _, h := range hints {
			if r := cordonAs(t, w, responder, "", "plan", "iam-role:web", "--"+h[1], h[2]); r.status != exitDone || !regexp.MustCompile(`(closed|cut) by this plan`).MatchString(r.out) {
				t.Errorf("%s: exit status %d: %s%s", h[0], r.status, r.out, r.err)
			}
		}
	})
}
