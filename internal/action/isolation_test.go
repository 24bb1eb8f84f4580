package action

import (
	"encoding/json"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"cordon/internal/casefile"
)

var inVPC = Target{Target: part(casefile.VPC, "vpc-1"), Case: "case-1", OpID: "op-1"}

// ours is the group as cordon makes it, changed by a test.
func ours(change ...func(*ec2types.SecurityGroup)) ec2types.SecurityGroup {
	g := ec2types.SecurityGroup{
		GroupId: aws.String("sg-q"), GroupName: aws.String(quarantineName(inVPC)), Description: aws.String(quarantineDescription),
		OwnerId: aws.String("111122223333"), VpcId: aws.String("vpc-1"), Tags: inVPC.Tags(),
	}
	for _, f := range change {
		f(&g)
	}
	return g
}

func rules(list ...ec2types.SecurityGroupRule) *ec2.DescribeSecurityGroupRulesOutput {
	return &ec2.DescribeSecurityGroupRulesOutput{SecurityGroupRules: list}
}

func outTo(id, cidr4, cidr6 string) ec2types.SecurityGroupRule {
	r := ec2types.SecurityGroupRule{
		SecurityGroupRuleId: aws.String(id), IsEgress: aws.Bool(true), IpProtocol: aws.String("-1"), FromPort: aws.Int32(-1), ToPort: aws.Int32(-1),
	}
	if cidr4 != "" {
		r.CidrIpv4 = aws.String(cidr4)
	}
	if cidr6 != "" {
		r.CidrIpv6 = aws.String(cidr6)
	}
	return r
}

func inFrom(id, cidr string) ec2types.SecurityGroupRule {
	r := outTo(id, cidr, "")
	r.IsEgress = aws.Bool(false)
	return r
}

// A tag, a name and a description can each be copied; only all of them, in the right account and VPC, are ours.
func TestGroupsThatAreNotTrusted(t *testing.T) {
	for name, change := range map[string]func(*ec2types.SecurityGroup){
		"another name":        func(g *ec2types.SecurityGroup) { g.GroupName = aws.String("cordon-quarantine") },
		"another description": func(g *ec2types.SecurityGroup) { g.Description = aws.String("open sesame") },
		"another owner":       func(g *ec2types.SecurityGroup) { g.OwnerId = aws.String("999988887777") },
		"another VPC":         func(g *ec2types.SecurityGroup) { g.VpcId = aws.String("vpc-2") },
	} {
		s := &script{answers: map[string]any{
			"DescribeSecurityGroups":     &ec2.DescribeSecurityGroupsOutput{SecurityGroups: []ec2types.SecurityGroup{ours(change)}},
			"DescribeSecurityGroupRules": rules(),
		}}
		now, err := QuarantineGroup.Observe(may(QuarantineGroup), s.connect(t), inVPC)
		if err != nil || string(now) != "{}" {
			t.Errorf("a group with %s: state %s, error %v", name, now, err)
		}
	}
}

// A decoy with the step's tag must not keep an instance from being cut off.
func TestDecoyBesideOursChangesNothing(t *testing.T) {
	decoy := ours(func(g *ec2types.SecurityGroup) { g.GroupId, g.GroupName = aws.String("sg-decoy"), aws.String("decoy") })
	for _, list := range [][]ec2types.SecurityGroup{{decoy, ours()}, {ours(), decoy}} {
		s := &script{answers: map[string]any{"DescribeSecurityGroups": &ec2.DescribeSecurityGroupsOutput{SecurityGroups: list}, "DescribeSecurityGroupRules": rules()}}
		now, err := QuarantineGroup.Observe(may(QuarantineGroup), s.connect(t), inVPC)
		if err != nil || string(now) != `{"found":true,"group_id":"sg-q"}` {
			t.Errorf("state %s, error %v", now, err)
		}
	}
	s := &script{answers: map[string]any{"DescribeSecurityGroups": &ec2.DescribeSecurityGroupsOutput{SecurityGroups: []ec2types.SecurityGroup{ours(), ours()}}}}
	if now, err := QuarantineGroup.Observe(may(QuarantineGroup), s.connect(t), inVPC); err == nil {
		t.Errorf("two groups alike: state %s", now)
	}
}

// A rule counts whichever of AWS's two answers shows it, IPv6 as well as IPv4.
func TestGroupWithARuleIsNotDone(t *testing.T) {
	all := []ec2types.IpPermission{{IpProtocol: aws.String("-1"), IpRanges: []ec2types.IpRange{{CidrIp: aws.String("0.0.0.0/0")}}}}
	all6 := []ec2types.IpPermission{{IpProtocol: aws.String("-1"), Ipv6Ranges: []ec2types.Ipv6Range{{CidrIpv6: aws.String("::/0")}}}}
	for name, answer := range map[string]struct {
		group ec2types.SecurityGroup
		rules *ec2.DescribeSecurityGroupRulesOutput
		want  Status
	}{
		"empty":                 {ours(), rules(), Done},
		"IPv4 egress":           {ours(), rules(outTo("sgr-1", "0.0.0.0/0", "")), Todo},
		"IPv6 egress":           {ours(), rules(outTo("sgr-1", "", "::/0")), Todo},
		"ingress":               {ours(), rules(inFrom("sgr-1", "203.0.113.1/32")), Todo},
		"egress in one answer":  {ours(func(g *ec2types.SecurityGroup) { g.IpPermissionsEgress = all }), rules(), Todo},
		"IPv6 in one answer":    {ours(func(g *ec2types.SecurityGroup) { g.IpPermissionsEgress = all6 }), rules(), Todo},
		"ingress in one answer": {ours(func(g *ec2types.SecurityGroup) { g.IpPermissions = all }), rules(), Todo},
		"peer is another group": {ours(func(g *ec2types.SecurityGroup) {
			g.IpPermissions = []ec2types.IpPermission{{IpProtocol: aws.String("tcp"), UserIdGroupPairs: []ec2types.UserIdGroupPair{{GroupId: aws.String("sg-evil")}}}}
		}), rules(), Todo},
		"peer is a prefix list": {ours(func(g *ec2types.SecurityGroup) {
			g.IpPermissions = []ec2types.IpPermission{{IpProtocol: aws.String("tcp"), PrefixListIds: []ec2types.PrefixListId{{PrefixListId: aws.String("pl-1")}}}}
		}), rules(), Todo},
	} {
		s := &script{answers: map[string]any{
			"DescribeSecurityGroups": &ec2.DescribeSecurityGroupsOutput{SecurityGroups: []ec2types.SecurityGroup{answer.group}}, "DescribeSecurityGroupRules": answer.rules,
		}}
		now, err := QuarantineGroup.Observe(may(QuarantineGroup), s.connect(t), inVPC)
		if err != nil {
			t.Fatal(err)
		}
		if st, _ := QuarantineGroup.Status(inVPC, now); st != answer.want {
			t.Errorf("%s: %s has status %v, want %v", name, now, st, answer.want)
		}
	}
}

func TestDefaultEgressIsRevokedByWhatIsRead(t *testing.T) {
	s := &script{answers: map[string]any{
		"CreateSecurityGroup":        &ec2.CreateSecurityGroupOutput{GroupId: aws.String("sg-q")},
		"DescribeSecurityGroupRules": rules(outTo("sgr-4", "0.0.0.0/0", ""), outTo("sgr-6", "", "::/0")),
		"RevokeSecurityGroupEgress":  &ec2.RevokeSecurityGroupEgressOutput{},
	}}
	if err := QuarantineGroup.Apply(may(QuarantineGroup), s.connect(t), inVPC, json.RawMessage("{}")); err != nil {
		t.Fatal(err)
	}
	made := sentOf[ec2.CreateSecurityGroupInput](s)[0]
	if aws.ToString(made.VpcId) != "vpc-1" || len(made.TagSpecifications) != 1 || !isTagged(made.TagSpecifications[0].Tags, opTag) {
		t.Errorf("made %+v", made)
	}
	if got := sentOf[ec2.RevokeSecurityGroupEgressInput](s)[0].SecurityGroupRuleIds; !slices.Equal(got, []string{"sgr-4", "sgr-6"}) {
		t.Errorf("revoked %v", got)
	}
}

// Somebody who adds a way in to cordon's group is not helped by it, and is named.
func TestMeddledGroupIsNeitherUsedNorDeleted(t *testing.T) {
	after := json.RawMessage(`{"found":true,"group_id":"sg-q"}`)
	for name, meddle := range map[string]*ec2.DescribeSecurityGroupRulesOutput{
		"a way in": rules(inFrom("sgr-1", "203.0.113.1/32")), "a way out": rules(outTo("sgr-1", "203.0.113.1/32", "")),
		"a way out by IPv6": rules(outTo("sgr-1", "", "2001:db8::/32")),
	} {
		s := &script{answers: map[string]any{
			"DescribeSecurityGroups":          &ec2.DescribeSecurityGroupsOutput{SecurityGroups: []ec2types.SecurityGroup{ours()}},
			"DescribeSecurityGroupRules":      meddle,
			"ModifyNetworkInterfaceAttribute": &ec2.ModifyNetworkInterfaceAttributeOutput{},
			"DescribeNetworkInterfaces":       &ec2.DescribeNetworkInterfacesOutput{},
			"DeleteSecurityGroup":             &ec2.DeleteSecurityGroupOutput{},
		}}
		c := s.connect(t)
		eni := Target{Target: part(casefile.NetworkInterface, "eni-1"), Needs: map[string]json.RawMessage{QuarantineGroup.Name: after}}
		if err := IsolateInterface.Apply(may(IsolateInterface), c, eni, json.RawMessage(`{"groups":["sg-web"]}`)); err == nil {
			t.Errorf("the group with %s was used", name)
		}
		now, err := QuarantineGroup.Observe(may(QuarantineGroup), c, inVPC)
		if err != nil {
			t.Fatal(err)
		}
		if err := QuarantineGroup.Undo(may(QuarantineGroup), c, inVPC, json.RawMessage("{}"), now); err == nil {
			t.Errorf("the group with %s was deleted", name)
		}
		if len(sentOf[ec2.ModifyNetworkInterfaceAttributeInput](s))+len(sentOf[ec2.DeleteSecurityGroupInput](s)) > 0 {
			t.Errorf("with %s in the group, a change was sent", name)
		}
	}
}

func TestGroupInUseIsNotDeleted(t *testing.T) {
	after := json.RawMessage(`{"found":true,"group_id":"sg-q"}`)
	referrer := ec2types.SecurityGroup{GroupId: aws.String("sg-other")}
	for name, answers := range map[string]map[string]any{
		"on an interface": {"DescribeNetworkInterfaces": &ec2.DescribeNetworkInterfacesOutput{NetworkInterfaces: []ec2types.NetworkInterface{{NetworkInterfaceId: aws.String("eni-9")}}}},
		"in a rule": {
			"DescribeNetworkInterfaces": &ec2.DescribeNetworkInterfacesOutput{},
			"DescribeSecurityGroups": func(in any) any {
				for _, f := range in.(*ec2.DescribeSecurityGroupsInput).Filters {
					if aws.ToString(f.Name) == "egress.ip-permission.group-id" {
						return &ec2.DescribeSecurityGroupsOutput{SecurityGroups: []ec2types.SecurityGroup{referrer}}
					}
				}
				return &ec2.DescribeSecurityGroupsOutput{}
			},
		},
	} {
		s := &script{answers: answers}
		err := QuarantineGroup.Undo(may(QuarantineGroup), s.connect(t), inVPC, json.RawMessage("{}"), after)
		if !errors.Is(err, errInUse) || len(sentOf[ec2.DeleteSecurityGroupInput](s)) > 0 {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestForensicsEgressIsExactlyThat(t *testing.T) {
	target := inVPC
	target.Params = map[string]string{"egress": "forensics", "endpoint_groups": "sg-ep1\nsg-ep2", "prefix_lists": "pl-s3"}
	toGroup := ec2types.SecurityGroupRule{
		SecurityGroupRuleId: aws.String("sgr-ok"), IsEgress: aws.Bool(true), IpProtocol: aws.String("tcp"), FromPort: aws.Int32(443), ToPort: aws.Int32(443),
		ReferencedGroupInfo: &ec2types.ReferencedSecurityGroup{GroupId: aws.String("sg-ep1")},
	}
	s := &script{answers: map[string]any{
		"DescribeSecurityGroupRules":   rules(outTo("sgr-4", "0.0.0.0/0", ""), toGroup),
		"RevokeSecurityGroupEgress":    &ec2.RevokeSecurityGroupEgressOutput{},
		"AuthorizeSecurityGroupEgress": &ec2.AuthorizeSecurityGroupEgressOutput{},
	}}
	if err := QuarantineGroup.Apply(may(QuarantineGroup), s.connect(t), target, json.RawMessage(`{"found":true,"group_id":"sg-q"}`)); err != nil {
		t.Fatal(err)
	}
	if _, first := s.sent[1].(*ec2.RevokeSecurityGroupEgressInput); !first {
		t.Errorf("the second call is %T: the open rule is to go before anything is added", s.sent[1])
	}
	given := permissionTexts(sentOf[ec2.AuthorizeSecurityGroupEgressInput](s)[0].IpPermissions)
	if !slices.Equal(sortedSet(given), []string{"tcp 443-443 pl-s3", "tcp 443-443 sg-ep2"}) {
		t.Errorf("given %q", given)
	}
	for state, want := range map[string]Status{
		`{"found":true,"group_id":"sg-q","rules_out":["tcp 443-443 pl-s3","tcp 443-443 sg-ep1","tcp 443-443 sg-ep2"]}`:               Done,
		`{"found":true,"group_id":"sg-q","rules_out":["tcp 443-443 pl-s3","tcp 443-443 sg-ep1"]}`:                                    Todo,
		`{"found":true,"group_id":"sg-q","rules_out":["all -1 ::/0","tcp 443-443 pl-s3","tcp 443-443 sg-ep1","tcp 443-443 sg-ep2"]}`: Todo,
		`{"found":true,"group_id":"sg-q"}`: Todo,
	} {
		if got, _ := QuarantineGroup.Status(target, json.RawMessage(state)); got != want {
			t.Errorf("%s: status %v, want %v", state, got, want)
		}
	}
}

func onInstance(id string) *ec2.DescribeNetworkInterfacesOutput {
	return &ec2.DescribeNetworkInterfacesOutput{NetworkInterfaces: []ec2types.NetworkInterface{{
		NetworkInterfaceId: aws.String("eni-1"), SourceDestCheck: aws.Bool(false), Attachment: &ec2types.NetworkInterfaceAttachment{InstanceId: aws.String(id)},
		Groups: []ec2types.GroupIdentifier{{GroupId: aws.String("sg-web")}, {GroupId: aws.String("sg-ssh")}},
	}}}
}

func TestInterfaceOfAnotherInstanceIsLeftAlone(t *testing.T) {
	eni := Target{Target: part(casefile.NetworkInterface, "eni-1"), OpID: "op-1"}
	s := &script{answers: map[string]any{"DescribeNetworkInterfaces": onInstance(neighbor)}}
	if now, err := IsolateInterface.Observe(may(IsolateInterface), s.connect(t), eni); err == nil || errors.Is(err, ErrGone) {
		t.Errorf("state %s, error %v: neither gone nor ours", now, err)
	}
	s = &script{answers: map[string]any{"DescribeNetworkInterfaces": onInstance(suspect)}}
	now, err := IsolateInterface.Observe(may(IsolateInterface), s.connect(t), eni)
	if err != nil || string(now) != `{"groups":["sg-ssh","sg-web"]}` {
		t.Errorf("state %s, error %v", now, err)
	}
	if hits, _ := IsolateInterface.Impact(may(IsolateInterface), s.connect(t), eni, now); len(hits) != 1 || !strings.Contains(hits[0], "forwards traffic") {
		t.Errorf("impact %q", hits)
	}
	s = &script{answers: map[string]any{"DescribeNetworkInterfaces": refusal("InvalidNetworkInterfaceID.NotFound")}}
	if _, err := IsolateInterface.Observe(may(IsolateInterface), s.connect(t), eni); !errors.Is(err, ErrGone) {
		t.Errorf("error %v", err)
	}
}

// A person's group without rules may get some tomorrow: only cordon's own counts as isolation.
func TestOnlyTheQuarantineGroupIsolates(t *testing.T) {
	eni := Target{Target: part(casefile.NetworkInterface, "eni-1")}
	needs := map[string]json.RawMessage{QuarantineGroup.Name: json.RawMessage(`{"found":true,"group_id":"sg-q"}`)}
	for state, want := range map[string]Status{
		`{"groups":["sg-q"]}`: Done, `{"groups":["sg-empty"]}`: Todo, `{"groups":["sg-q","sg-web"]}`: Todo, `{"groups":[]}`: Todo,
	} {
		eni.Needs = needs
		if got, _ := IsolateInterface.Status(eni, json.RawMessage(state)); got != want {
			t.Errorf("%s: status %v, want %v", state, got, want)
		}
		eni.Needs = nil
		if got, _ := IsolateInterface.Status(eni, json.RawMessage(state)); got != Todo {
			t.Errorf("%s while planning: status %v", state, got)
		}
	}
	s := &script{answers: map[string]any{}}
	if err := IsolateInterface.Apply(may(IsolateInterface), s.connect(t), eni, json.RawMessage(`{"groups":["sg-web"]}`)); err == nil {
		t.Error("isolated without a quarantine group")
	}
}

func TestMissingOriginalGroupIsNamed(t *testing.T) {
	s := &script{answers: map[string]any{
		"DescribeSecurityGroups": &ec2.DescribeSecurityGroupsOutput{SecurityGroups: []ec2types.SecurityGroup{{GroupId: aws.String("sg-web")}}},
	}}
	eni := Target{Target: part(casefile.NetworkInterface, "eni-1")}
	err := IsolateInterface.Undo(may(IsolateInterface), s.connect(t), eni, json.RawMessage(`{"groups":["sg-ssh","sg-web"]}`), json.RawMessage(`{"groups":["sg-q"]}`))
	if err == nil || !strings.Contains(err.Error(), "no longer exist (sg-ssh)") || len(sentOf[ec2.ModifyNetworkInterfaceAttributeInput](s)) > 0 {
		t.Errorf("error %v", err)
	}
}

// entry is "100 in allow 0.0.0.0/0", with "tcp" after it for a rule of one protocol.
func entry(t *testing.T, text string) ec2types.NetworkAclEntry {
	t.Helper()
	f := strings.Fields(text)
	var n int32
	for _, d := range f[0] {
		n = n*10 + d - '0'
	}
	e := ec2types.NetworkAclEntry{RuleNumber: aws.Int32(n), Egress: aws.Bool(f[1] == "out"), RuleAction: ec2types.RuleAction(f[2]), Protocol: aws.String("-1")}
	if strings.Contains(f[3], ":") {
		e.Ipv6CidrBlock = aws.String(f[3])
	} else {
		e.CidrBlock = aws.String(f[3])
	}
	if len(f) > 4 {
		e.Protocol = aws.String("6")
	}
	return e
}

func acl(t *testing.T, entries ...string) ec2types.NetworkAcl {
	t.Helper()
	a := ec2types.NetworkAcl{NetworkAclId: aws.String("acl-1")}
	for _, e := range entries {
		a.Entries = append(a.Entries, entry(t, e))
	}
	return a
}

var amazonsOwn = []string{"32767 in deny 0.0.0.0/0", "32767 out deny 0.0.0.0/0", "32768 in deny ::/0", "32768 out deny ::/0"}

func TestDeniedAheadOfEveryAllow(t *testing.T) {
	for _, c := range []struct {
		entries []string
		address string
		want    int32
	}{
		{[]string{"100 in allow 0.0.0.0/0"}, "203.0.113.9/32", 0},
		{[]string{"100 in allow 0.0.0.0/0", "99 in deny 203.0.113.9/32"}, "203.0.113.9/32", 99},
		{[]string{"100 in allow 0.0.0.0/0", "99 out deny 203.0.113.9/32"}, "203.0.113.9/32", 0},
		{[]string{"100 in allow 0.0.0.0/0", "101 in deny 203.0.113.9/32"}, "203.0.113.9/32", 0},
		{[]string{"100 in allow 0.0.0.0/0", "99 in deny 203.0.113.9/32 tcp"}, "203.0.113.9/32", 0},
		{[]string{"100 in allow 0.0.0.0/0", "99 in deny 203.0.113.0/24"}, "203.0.113.9/32", 99},
		{[]string{"90 in allow 203.0.113.0/24 tcp", "99 in deny 203.0.113.9/32", "100 in allow 0.0.0.0/0"}, "203.0.113.9/32", 0},
		{[]string{"90 in allow 198.51.100.0/24", "99 in deny 203.0.113.9/32", "100 in allow 0.0.0.0/0"}, "203.0.113.9/32", 99},
		{[]string{"100 in allow 10.0.0.0/8"}, "203.0.113.9/32", 32767},
		{[]string{"100 in allow ::/0"}, "2001:db8::9/128", 0},
		{[]string{"100 in allow 0.0.0.0/0"}, "2001:db8::9/128", 32768},
		{[]string{"50 in deny 0.0.0.0/0", "100 in allow ::/0"}, "2001:db8::9/128", 0},
	} {
		a := acl(t, append(slices.Clone(c.entries), amazonsOwn...)...)
		if got := denyingRule(a, netip.MustParsePrefix(c.address), false); got != c.want {
			t.Errorf("%s in %q: rule %d, want %d", c.address, c.entries, got, c.want)
		}
	}
}

func TestPlaceOfTheDenies(t *testing.T) {
	now := func(cidrs ...string) denials {
		var d denials
		for _, c := range cidrs {
			d.Entries = append(d.Entries, denial{CIDR: c}, denial{CIDR: c, Egress: true})
		}
		return d
	}
	all := append([]string{"100 in allow 0.0.0.0/0", "100 out allow 0.0.0.0/0"}, amazonsOwn...)
	placed, err := place(acl(t, append(slices.Clone(all), "99 in allow 10.0.0.0/8")...), now("198.51.100.1/32", "203.0.113.9/32"))
	want := []denial{{"198.51.100.1/32", false, 98}, {"198.51.100.1/32", true, 99}, {"203.0.113.9/32", false, 97}, {"203.0.113.9/32", true, 98}}
	if err != nil || !slices.Equal(placed, want) {
		t.Errorf("placed %v, error %v", placed, err)
	}
	if _, err := place(acl(t, "1 in allow 0.0.0.0/0", "100 out allow 0.0.0.0/0"), now("203.0.113.9/32")); err == nil || !strings.Contains(err.Error(), "no free rule number below 1") {
		t.Errorf("no room below rule 1: %v", err)
	}
	full := slices.Clone(all)
	for n := range 17 {
		full = append(full, strings.Replace("2XX in allow 10.0.0.0/8", "XX", string(rune('0'+n/10))+string(rune('0'+n%10)), 1))
	}
	if placed, err := place(acl(t, full...), now("203.0.113.9/32")); err == nil || !strings.Contains(err.Error(), "takes 20 rules") {
		t.Errorf("in a full ACL: placed %v, error %v", placed, err)
	}
	full = append(full, "300 in allow 10.0.0.0/8") // 21 in one direction: the quota was raised
	if _, err := place(acl(t, full...), now("203.0.113.9/32")); err != nil {
		t.Errorf("with a raised quota: %v", err)
	}
	// Where nothing lets the address through and nothing denies it, the last number that one may have is taken.
	if placed, err := place(acl(t), now("203.0.113.9/32")); err != nil || placed[0].Rule != 32766 {
		t.Errorf("placed %v, error %v", placed, err)
	}
}

func TestFullACLIsNotTouched(t *testing.T) {
	entries := []string{"100 in allow 0.0.0.0/0", "100 out allow 0.0.0.0/0"}
	for n := range 19 {
		entries = append(entries, strings.Replace("2XX out allow 10.0.0.0/8", "XX", string(rune('0'+n/10))+string(rune('0'+n%10)), 1))
	}
	s := &script{answers: map[string]any{
		"DescribeNetworkAcls":   &ec2.DescribeNetworkAclsOutput{NetworkAcls: []ec2types.NetworkAcl{acl(t, entries...)}},
		"CreateNetworkAclEntry": &ec2.CreateNetworkAclEntryOutput{},
	}}
	target := Target{Target: part(casefile.NetworkACL, "acl-1"), Params: map[string]string{"addresses": "203.0.113.9"}}
	c := s.connect(t)
	now, err := DenyAddresses.Observe(may(DenyAddresses), c, target)
	if err != nil {
		t.Fatal(err)
	}
	if err := DenyAddresses.Apply(may(DenyAddresses), c, target, now); err == nil || len(sentOf[ec2.CreateNetworkAclEntryInput](s)) > 0 {
		t.Errorf("error %v, sent %v", err, s.sent)
	}
}

// What somebody has put in the place of cordon's entry is not deleted.
func TestEntryThatIsNoLongerOursIsLeft(t *testing.T) {
	before := json.RawMessage(`{"entries":[{"cidr":"203.0.113.9/32","egress":false,"rule":0},{"cidr":"203.0.113.9/32","egress":true,"rule":50}]}`)
	now := json.RawMessage(`{"entries":[{"cidr":"203.0.113.9/32","egress":false,"rule":99},{"cidr":"203.0.113.9/32","egress":true,"rule":50}]}`)
	target := Target{Target: part(casefile.NetworkACL, "acl-1"), Params: map[string]string{"addresses": "203.0.113.9"}}
	for text, deleted := range map[string]int{
		"99 in deny 203.0.113.9/32": 1, "99 in deny 203.0.113.0/24": 0, "99 in allow 203.0.113.9/32": 0, "99 in deny 203.0.113.9/32 tcp": 0, "98 in deny 203.0.113.9/32": 0,
	} {
		s := &script{answers: map[string]any{
			"DescribeNetworkAcls":   &ec2.DescribeNetworkAclsOutput{NetworkAcls: []ec2types.NetworkAcl{acl(t, text, "50 out deny 203.0.113.9/32", "100 in allow 0.0.0.0/0")}},
			"DeleteNetworkAclEntry": &ec2.DeleteNetworkAclEntryOutput{},
		}}
		err := DenyAddresses.Undo(may(DenyAddresses), s.connect(t), target, before, now)
		if got := len(sentOf[ec2.DeleteNetworkAclEntryInput](s)); got != deleted || (err == nil) != (deleted == 1) {
			t.Errorf("%s: %d deleted, error %v", text, got, err)
		}
	}
}

// The finding's content is the intruder's to choose: these would cut off one's own side.
func TestAddressesThatAreRefused(t *testing.T) {
	for _, text := range []string{
		"10.0.0.2", "192.168.1.1", "172.16.5.5", "127.0.0.1", "169.254.169.254", "224.0.0.1", "0.0.0.0", "255.255.255.255", "::", "::1",
		"fe80::1", "fd00:ec2::254", "::ffff:10.0.0.2", "203.0.113.9/0", "203.0.113.9; rm -rf", "", "2001:db8::1%eth0",
	} {
		target := Target{Target: part(casefile.NetworkACL, "acl-1"), Params: map[string]string{"addresses": "198.51.100.1\n" + text}}
		if got, err := addressesToDeny(target); err == nil {
			t.Errorf("%q passes as %v", text, got)
		}
	}
	target := Target{Params: map[string]string{"addresses": "203.0.113.9\n::ffff:203.0.113.9\n2001:db8::1"}}
	if got, err := addressesToDeny(target); err != nil || len(got) != 2 {
		t.Errorf("%v, error %v", got, err)
	}
}

func FuzzAddressesToDeny(f *testing.F) {
	f.Add("203.0.113.9\n10.0.0.1", "0.0.0.0/0")
	f.Add("2001:db8::1", "::/0")
	f.Add("203.0.113.9", "203.0.113.9/33")
	f.Fuzz(func(t *testing.T, addresses, cidr string) {
		got, err := addressesToDeny(Target{Params: map[string]string{"addresses": addresses}})
		if err != nil {
			return
		}
		a := ec2types.NetworkAcl{Entries: []ec2types.NetworkAclEntry{{
			RuleNumber: aws.Int32(100), Egress: aws.Bool(false), RuleAction: ec2types.RuleActionAllow, Protocol: aws.String("-1"),
			CidrBlock: aws.String(cidr), Ipv6CidrBlock: aws.String(cidr),
		}}}
		for _, p := range got {
			if !p.IsSingleIP() || p.Addr().IsPrivate() || p.Addr().IsLoopback() || p.Addr().IsLinkLocalUnicast() {
				t.Errorf("%q gives %v", addresses, p)
			}
			if covers(a.Entries[0], p) && denyingRule(a, p, false) != 0 {
				t.Errorf("%v is denied by an allow", p)
			}
		}
	})
}
