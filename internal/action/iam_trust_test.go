package action

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"

	"cordon/internal/awssim"
)

func TestParseDoor(t *testing.T) {
	for text, want := range map[string]Door{
		"999988887777":                                               {DoorAccount, "999988887777", "999988887777"},
		"arn:aws:iam::999988887777:root":                             {DoorAccount, "999988887777", "999988887777"},
		"arn:aws:iam::999988887777:role/ci/deploy":                   {DoorPrincipal, "arn:aws:iam::999988887777:role/ci/deploy", "999988887777"},
		"arn:aws:iam::999988887777:user/ann":                         {DoorPrincipal, "arn:aws:iam::999988887777:user/ann", "999988887777"},
		"arn:aws:sts::999988887777:assumed-role/ci/b-7":              {DoorPrincipal, "arn:aws:sts::999988887777:assumed-role/ci/b-7", "999988887777"},
		"arn:aws:iam::111122223333:saml-provider/corp":               {DoorSAML, "arn:aws:iam::111122223333:saml-provider/corp", "111122223333"},
		"arn:aws:iam::111122223333:oidc-provider/token.example.com/": {DoorOIDC, "arn:aws:iam::111122223333:oidc-provider/token.example.com/", "111122223333"},
		"accounts.google.com":                                        {DoorOIDC, "accounts.google.com", ""},
		"ec2.amazonaws.com":                                          {DoorService, "ec2.amazonaws.com", ""},
	} {
		if got, err := ParseDoor(text, "aws"); err != nil || got != want {
			t.Errorf("%s: %+v, error %v", text, got, err)
		}
	}
	for _, text := range []string{
		"", "*", "arn:aws:iam::*:root", "arn:aws:iam::999988887777:role/*", "arn:aws:iam::999988887777:role/a?c", "arn:aws:iam::999988887777:role/${aws:username}",
		`arn:aws:iam::999988887777:role/a","AWS":"*`, "arn:aws:iam::999988887777:role/", "arn:aws:iam::999988887777:role/a\nb", "arn:aws:sts::999988887777:assumed-role/ci/*",
		"arn:aws:sts::999988887777:federated-user/ann", "arn:aws:iam::111122223333:saml-provider/*", "arn:aws:iam::111122223333:oidc-provider/a&b", "evil.example", "*.amazonaws.com",
		"arn:aws-cn:iam::999988887777:role/ci", "arn:aws-us-gov:iam::111122223333:saml-provider/corp",
	} {
		if got, err := ParseDoor(text, "aws"); err == nil {
			t.Errorf("%q is taken for %+v", text, got)
		}
	}
	if _, err := ParseDoor("arn:aws-cn:iam::999988887777:role/ci", ""); err != nil {
		t.Error(err)
	}
}

// openTrust lets in a vendor's account, a role of the account, a service and two providers.
const openTrust = `{"Version":"2012-10-17","Id":"mine","Statement":[
 {"Sid":"Vendor","Effect":"Allow","Principal":{"AWS":["arn:aws:iam::999988887777:root","arn:aws:iam::111122223333:role/people/ann"]},"Action":["sts:AssumeRole","sts:TagSession"]},
 {"Effect":"Allow","Principal":{"Service":["ec2.amazonaws.com","lambda.amazonaws.com"]},"Action":"sts:AssumeRole"},
 {"Effect":"Allow","Principal":{"Federated":["arn:aws:iam::111122223333:saml-provider/corp","arn:aws:iam::111122223333:saml-provider/other"]},"Action":"sts:AssumeRoleWithSAML"},
 {"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::111122223333:oidc-provider/token.example.com"},"Action":"sts:AssumeRoleWithWebIdentity"}
]}`

// opened is an account with a role that openTrust lets people into.
func opened(w *awssim.World) {
	w.AddRole(awssim.Role{Name: "ann", Path: "/people/"})
	w.AddSAMLProvider("corp", "")
	w.AddSAMLProvider("other", "")
	w.AddOIDCProvider("token.example.com", "sts.amazonaws.com")
	w.AddRole(awssim.Role{Name: "deploy", ID: roleID, Path: "/ci/", Trust: openTrust})
}

func narrowing(close, spare []string) map[string]string {
	return map[string]string{"role_id": roleID, "close": List(close), "spare": List(spare), "was": openTrust}
}

// TestClosedDoorStopsWhomItNamesAlone: of everybody who could come in, those that the door stands for cannot any more, and
// nobody comes in who could not; release gives the policy back byte for byte.
func TestClosedDoorStopsWhomItNamesAlone(t *testing.T) {
	const saml, oidc = "arn:aws:iam::111122223333:saml-provider/", "arn:aws:iam::111122223333:oidc-provider/token.example.com"
	everybody := map[string]awssim.Assumer{
		"ci": {ARN: "arn:aws:iam::999988887777:role/x/ci"}, "ci2": {ARN: "arn:aws:iam::999988887777:role/ci2"}, "xci": {ARN: "arn:aws:iam::999988887777:role/xci"}, "soc": {ARN: "arn:aws:iam::999988887777:role/soc"},
		"bob": {ARN: "arn:aws:iam::999988887777:user/bob"}, "ann": {ARN: "arn:aws:iam::111122223333:role/people/ann"}, "corp": {Federated: saml + "corp"},
		"other": {Federated: saml + "other"}, "token": {Federated: oidc}, "ec2": {Service: "ec2.amazonaws.com"}, "lambda": {Service: "lambda.amazonaws.com"},
	}
	for name, c := range map[string]struct{ close, spare, out []string }{
		"an account":                 {close: []string{"999988887777"}, out: []string{"ci", "ci2", "xci", "soc", "bob"}},
		"an account but for one":     {close: []string{"999988887777"}, spare: []string{"arn:aws:iam::999988887777:role/soc", "arn:aws:iam::111122223333:role/x"}, out: []string{"ci", "ci2", "xci", "bob"}},
		"a role":                     {close: []string{"arn:aws:iam::999988887777:role/x/ci"}, out: []string{"ci"}},
		"a role by its session":      {close: []string{"arn:aws:sts::999988887777:assumed-role/ci/build-7"}, out: []string{"ci"}},
		"a user":                     {close: []string{"arn:aws:iam::999988887777:user/bob"}, out: []string{"bob"}},
		"one of the account's own":   {close: []string{"arn:aws:iam::111122223333:role/people/ann"}, out: []string{"ann"}},
		"a service":                  {close: []string{"ec2.amazonaws.com"}, out: []string{"ec2"}},
		"a SAML provider":            {close: []string{saml + "corp"}, out: []string{"corp"}},
		"an OpenID Connect provider": {close: []string{oidc}, out: []string{"token"}},
		"one of each": {close: []string{"999988887777", "arn:aws:iam::111122223333:role/people/ann", "lambda.amazonaws.com", saml + "other", oidc},
			out: []string{"ci", "ci2", "xci", "soc", "bob", "ann", "lambda", "other", "token"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := trial{setup: opened}.stage(t, 0)
			all := s.bringAll([]trialStep{{NarrowTrust, deployRole(), narrowing(c.close, c.spare)}})
			for who, a := range everybody {
				if may := s.world.MayAssume("deploy", a); may == strings.Contains(" "+strings.Join(c.out, " ")+" ", " "+who+" ") {
					t.Errorf("closed to %s: %s may come in is %t", name, who, may)
				}
			}
			s.putBack(all)
			s.world.Do(func(a *awssim.Account) {
				if got := a.IAM.Roles["deploy"].Trust; got != openTrust {
					t.Errorf("closed to %s and released, the policy is\n%s", name, got)
				}
			})
			s.noViolations()
		})
	}
}

// trusts is a role whose trust policy is anybody's bytes, without a simulated account's own checks.
func trusts(t *testing.T, document string) (*script, *AWS) {
	s := &script{answers: map[string]any{
		"GetRole": func(any) any {
			return &iam.GetRoleOutput{Role: &iamtypes.Role{RoleName: aws.String("deploy"), RoleId: aws.String(roleID), Path: aws.String("/ci/"), AssumeRolePolicyDocument: aws.String(document)}}
		},
		"UpdateAssumeRolePolicy": &iam.UpdateAssumeRolePolicyOutput{},
	}}
	return s, s.connect(t)
}

func narrowTarget(params map[string]string) Target {
	return Target{Target: deployRole(), Case: "case-1", OpID: "op-1", Params: params}
}

// TestTrustThatIsNotNarrowed: what cannot be read, does not fit or would lock cordon out is refused, and nothing is sent.
func TestTrustThatIsNotNarrowed(t *testing.T) {
	for name, c := range map[string]struct {
		document string
		params   map[string]string
		caller   string
		want     string
	}{
		"a statement of a newer kind": {document: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole","Newer":"x"}]}`, want: "Newer"},
		"a member of a newer kind":    {document: `{"Version":"2012-10-17","Statement":[],"Newer":1}`, want: "Newer"},
		"a member twice":              {document: `{"Version":"2012-10-17","Statement":[],"Statement":[{"Effect":"Allow","Principal":"*","Action":"*"}]}`, want: "duplicate"},
		"no JSON":                     {document: `{`, want: "read the trust policy"},
		"a policy that is full":       {document: openTrust, params: map[string]string{"quota": "700"}, want: "are this account's quota"},
		"another role of the name":    {document: openTrust, params: map[string]string{"role_id": "AROAANOTHER"}, want: "is not the one of the plan"},
		"no door":                     {document: openTrust, params: map[string]string{"close": ""}, want: "to whom"},
		"a door that is none":         {document: openTrust, params: map[string]string{"close": "*"}, want: `"*"`},
		"cordon's own role":           {document: openTrust, caller: "arn:aws:sts::111122223333:assumed-role/deploy/ann", want: "might not get back in"},
	} {
		s, conn := trusts(t, c.document)
		if c.caller != "" {
			conn.Caller = c.caller
		}
		params := narrowing([]string{"999988887777"}, nil)
		for k, v := range c.params {
			params[k] = v
		}
		target := narrowTarget(params)
		now, err := NarrowTrust.Observe(may(NarrowTrust), conn, target)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if st, err := NarrowTrust.Status(target, now); err != nil || st != Todo {
			t.Errorf("%s: status %v, %v", name, st, err)
		}
		if err := NarrowTrust.Apply(may(NarrowTrust), conn, target, now); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v", name, err)
		}
		if n := len(sentOf[iam.UpdateAssumeRolePolicyInput](s)); n > 0 {
			t.Errorf("%s: %d changes were sent", name, n)
		}
	}
}

// The command that is shown goes to the partition that the role is in.
func TestQuotaIsRaisedInTheRolesPartition(t *testing.T) {
	for partition, region := range map[string]string{"aws": "us-east-1", "aws-us-gov": "us-gov-west-1", "aws-cn": "cn-north-1"} {
		target := Target{Target: deployRole(), Params: map[string]string{"quota": "1"}}
		target.ARN = "arn:" + partition + ":iam::111122223333:role/deploy"
		if err := fitsTrust(target, openTrust); err == nil || !strings.Contains(err.Error(), "--region "+region+" ") {
			t.Errorf("%s: %v", partition, err)
		}
	}
}

// TestForeignStatementsAreNotTakenForCordons: an intruder who can write the policy can copy a statement's name, and
// change cordon's own.
func TestForeignStatementsAreNotTakenForCordons(t *testing.T) {
	target := narrowTarget(narrowing([]string{"999988887777"}, nil))
	whole, err := narrowed(target, openTrust)
	if err != nil {
		t.Fatal(err)
	}
	sid := closingSid(target)
	for name, document := range map[string]string{
		"an allow of its name": strings.Replace(openTrust, `"Sid":"Vendor"`, `"Sid":"`+sid+`1"`, 1),
		"another condition":    strings.Replace(whole, `"aws:PrincipalAccount":["999988887777"]`, `"aws:PrincipalAccount":["000000000000"]`, 1),
		"one more condition":   strings.Replace(whole, `"StringEquals":{`, `"Bool":{"aws:SecureTransport":"false"},"StringEquals":{`, 1),
		"another action":       strings.Replace(whole, `"Action":"sts:AssumeRole","Condition"`, `"Action":"sts:TagSession","Condition"`, 1),
		"another step's":       strings.ReplaceAll(whole, sid, closingSid(Target{Target: deployRole(), Case: "case-1", OpID: "op-2"})),
	} {
		if document == whole {
			t.Fatalf("%s: the policy is the same", name)
		}
		if st := statusOfTrust(target, trustState{canonicalTrust(document)}); st != Todo {
			t.Errorf("%s passes for a closed door", name)
		}
	}
	planted := strings.Replace(openTrust, `"Sid":"Vendor"`, `"Sid":"`+sid+`1"`, 1)
	if text := must(narrowed(target, planted)); !strings.Contains(text, "role/people/ann") || !strings.Contains(text, "999988887777") {
		t.Errorf("the owner's statement of that name is lost: %s", text)
	}
	// IAM gives lists in its own order, one value as a list or by itself, and an account by its root's ARN.
	respelt := strings.NewReplacer(`["999988887777"]`, `"999988887777"`, `["sts:AssumeRole","sts:TagSession"]`, `["sts:TagSession","sts:AssumeRole"]`).Replace(whole)
	if st := statusOfTrust(target, trustState{canonicalTrust(respelt)}); respelt == whole || st != Done {
		t.Errorf("the same policy in another spelling: status %v", st)
	}
}

// TestTrustThatSomebodyChangedIsLeftAlone: release takes its own statements out of what it knows, and out of nothing else.
func TestTrustThatSomebodyChangedIsLeftAlone(t *testing.T) {
	const gone = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["AROAGONEGONEGONEGONE1","999988887777"]},"Action":"sts:AssumeRole"},{"Effect":"Allow","Principal":{"AWS":"AIDAGONEGONEGONEGONE1"},"Action":"sts:AssumeRole"}]}`
	undo := func(was, now string) (sent []string, err error) {
		params := narrowing([]string{"999988887777"}, nil)
		params["was"] = was
		target := narrowTarget(params)
		s, conn := trusts(t, now)
		state := func(document string) json.RawMessage {
			return json.RawMessage(fmt.Sprintf(`{"trust":%s}`, must(json.Marshal(canonicalTrust(document)))))
		}
		err = NarrowTrust.Undo(may(NarrowTrust), conn, target, state(was), state(now))
		for _, in := range sentOf[iam.UpdateAssumeRolePolicyInput](s) {
			sent = append(sent, aws.ToString(in.PolicyDocument))
		}
		return sent, err
	}
	closed := func(document string) string {
		return must(narrowed(narrowTarget(narrowing([]string{"999988887777"}, nil)), document))
	}
	if sent, err := undo(openTrust, closed(openTrust)); err != nil || len(sent) != 1 || sent[0] != openTrust {
		t.Errorf("untouched: %q, %v", sent, err)
	}
	if sent, err := undo(openTrust, openTrust); err != nil || len(sent) > 0 {
		t.Errorf("back already: %q, %v", sent, err)
	}
	widened := strings.Replace(closed(openTrust), `"lambda.amazonaws.com"`, `"states.amazonaws.com"`, 1)
	if sent, err := undo(openTrust, widened); err == nil || len(sent) > 0 || !strings.Contains(err.Error(), "left alone") {
		t.Errorf("changed by somebody: %q, %v", sent, err)
	}
	if sent, err := undo(gone, closed(gone)); err != nil || len(sent) != 1 || strings.Contains(sent[0], "GONE") || !strings.Contains(sent[0], "999988887777") {
		t.Errorf("with principals that IAM does not take back: %q, %v", sent, err)
	}
	if hits, err := narrowingImpact(t.Context(), nil, narrowTarget(map[string]string{"close": "999988887777", "was": gone}), trustState{gone}); err != nil || !strings.Contains(strings.Join(hits, "\n"), "for good") {
		t.Errorf("impact %q, %v", hits, err)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
