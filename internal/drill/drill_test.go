package drill

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"cordon/internal/awssim"
	"cordon/internal/casefile"
	"cordon/internal/finding"
)

var start = time.Date(2026, 11, 23, 2, 20, 0, 0, time.UTC)

func play(s Scenario, seed int64) Drill {
	return s.Build(Options{Seed: seed, Now: func() time.Time { return start }})
}

func TestEveryFindingNamesItsInstance(t *testing.T) {
	for _, s := range All() {
		d := play(s, 1)
		docs, bad, err := finding.ReadAll("finding.json", bytes.NewReader(d.Finding))
		if err != nil || len(bad) > 0 || len(docs) != 1 {
			t.Errorf("%s: %d documents, %v, %v", s.Name, len(docs), bad, err)
			continue
		}
		incident := docs[0].Incident
		i := slices.IndexFunc(incident.Subjects, func(x casefile.Subject) bool {
			return x.ID == d.Subject || x.Kind == casefile.EC2Instance && x.ID == d.Instance
		})
		if i < 0 {
			t.Errorf("%s: no %q among %+v", s.Name, d.Instance+d.Subject, incident.Subjects)
			continue
		}
		subject := incident.Subjects[i]
		if subject.Account != d.Account || subject.Region != d.Region || !strings.HasPrefix(s.Name, subject.Playbook+"-") {
			t.Errorf("%s: subject %+v, want %s in %s of %s", s.Name, subject, d.Instance+d.Subject, d.Region, d.Account)
		}
		if err := finding.CheckID(subject); err != nil {
			t.Errorf("%s: %v", s.Name, err)
		}
		if incident.Finding.Sample || incident.Finding.Archived || incident.Finding.Severity < 7 {
			t.Errorf("%s: %+v", s.Name, incident.Finding)
		}
		if len(incident.Indicators.Addresses)+len(incident.Indicators.Domains) != 1 {
			t.Errorf("%s: indicators %+v", s.Name, incident.Indicators)
		}
	}
}

// Whatever one resource says of another has to be there: a plan that follows
// a dangling id would be planning against a broken account.
func TestEveryAccountIsWhole(t *testing.T) {
	for _, s := range All() {
		d := play(s, 1)
		if v := d.World.Violations(); len(v) > 0 {
			t.Errorf("%s: violations before anybody did anything: %q", s.Name, v)
		}
		need := func(there bool, what, id string) {
			if !there {
				t.Errorf("%s: %s %s is not there", s.Name, what, id)
			}
		}
		d.World.Do(func(a *awssim.Account) {
			r := a.Region(d.Region)
			need(d.Instance == "" || r.Instances[d.Instance] != nil, "instance", d.Instance)
			used := map[string]string{}
			for _, eni := range r.NetworkInterfaces {
				need(r.Subnets[eni.Subnet] != nil, "subnet", eni.Subnet)
				for _, g := range eni.Groups {
					need(r.SecurityGroups[g] != nil, "group", g)
				}
				for _, ip := range slices.Concat(eni.PrivateIPs, eni.IPv6) {
					if other := used[ip]; other != "" {
						t.Errorf("%s: %s and %s both have %s", s.Name, eni.ID, other, ip)
					}
					used[ip] = eni.ID
				}
			}
			for _, i := range r.Instances {
				need(r.Images[i.Image] != nil, "image", i.Image)
				if i.State == "terminated" {
					continue
				}
				zones := map[string]bool{i.Zone: true}
				for _, eni := range r.NetworkInterfaces {
					if eni.Attachment != nil && eni.Attachment.Instance == i.ID {
						zones[r.Subnets[eni.Subnet].Zone] = true
					}
				}
				if len(zones) > 1 {
					t.Errorf("%s: %s has interfaces in zones %v", s.Name, i.ID, zones)
				}
			}
			for _, p := range r.ProfileAssociations {
				i := slices.IndexFunc(values(a.IAM.InstanceProfiles), func(x *awssim.InstanceProfile) bool { return x.ARN == p.ProfileARN && x.ID == p.ProfileID })
				need(i >= 0, "profile", p.ProfileARN)
			}
			for _, p := range a.IAM.InstanceProfiles {
				need(a.IAM.Roles[p.Role] != nil, "role", p.Role)
				if p.Name == p.Role {
					t.Errorf("%s: profile and role are both called %s", s.Name, p.Name)
				}
			}
			for _, v := range r.Volumes {
				need(v.Attached == nil || r.Instances[v.Attached.Instance] != nil, "instance of volume", v.ID)
			}
			for _, e := range r.Endpoints {
				for _, eni := range e.Interfaces {
					need(r.NetworkInterfaces[eni] != nil, "interface", eni)
				}
			}
		})
	}
}

func TestSeedDecidesEverything(t *testing.T) {
	for _, s := range All() {
		one, again, other := play(s, 7), play(s, 7), play(s, 8)
		if d := awssim.Diff(one.World.Dump(), again.World.Dump()); len(d) > 0 {
			t.Errorf("%s: the same seed gives two accounts: %s", s.Name, strings.Join(d, "\n"))
		}
		if !bytes.Equal(one.Finding, again.Finding) {
			t.Errorf("%s: the same seed gives two findings", s.Name)
		}
		if one.Instance == other.Instance && one.Instance != "" {
			t.Errorf("%s: two seeds give the same instance", s.Name)
		}
	}
}

func TestScenariosAreFoundByName(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range All() {
		if s.Summary == "" || seen[s.Name] {
			t.Errorf("%q has no summary or is there twice", s.Name)
		}
		seen[s.Name] = true
		if found, ok := Find(s.Name); !ok || found.Summary != s.Summary {
			t.Errorf("%q is not found", s.Name)
		}
	}
	if All()[0].Name != Default {
		t.Errorf("the default is not first but %q", All()[0].Name)
	}
	if _, ok := Find("nothing"); ok {
		t.Error("found what is not there")
	}
}

// The plan of the default drill is shown to newcomers, and its figures are
// what the documentation counts.
func TestTheDefaultDrillIsAsDescribed(t *testing.T) {
	s, _ := Find(Default)
	d := play(s, 1)
	d.World.Do(func(a *awssim.Account) {
		r := a.Region(d.Region)
		web7 := r.Instances[d.Instance]
		if web7.Tags["Name"] != "web-7" || len(web7.EphemeralDevices) != 1 {
			t.Errorf("instance: %+v", web7)
		}
		group := r.AutoScaling.Groups["web"]
		if len(group.Members) != 4 || group.Desired != 4 || group.Max <= 4 {
			t.Errorf("group: %+v", group)
		}
		for _, m := range group.Members {
			if r.Instances[m.Instance].Image != group.Template.Image {
				t.Errorf("%s boots another image than the template's", m.Instance)
			}
		}
		count := func(what string, got, want int) {
			if got != want {
				t.Errorf("%d %s, want %d", got, what, want)
			}
		}
		count("target groups", len(r.ELBv2.TargetGroups), 2)
		for _, tg := range r.ELBv2.TargetGroups {
			count("targets of "+tg.Name, len(tg.Targets), 4)
		}
		count("classic instances", len(r.ELB.LoadBalancers["web-classic"].Instances), 4)

		enis, groups, shared := 0, map[string]bool{}, map[string]bool{}
		subnet := ""
		for _, eni := range r.NetworkInterfaces {
			if eni.Attachment != nil && eni.Attachment.Instance == d.Instance {
				enis++
				subnet = eni.Subnet
				for _, g := range eni.Groups {
					groups[g] = true
				}
			}
		}
		for _, acl := range r.NetworkACLs {
			if !slices.Contains(acl.Members, subnet) {
				continue
			}
			for _, i := range r.Instances {
				if i.ID != d.Instance && slices.Contains(acl.Members, i.Subnet) {
					shared[i.ID] = true
				}
			}
		}
		count("interfaces", enis, 2)
		count("groups", len(groups), 2)
		count("instances behind its network ACL", len(shared), 11)
		count("addresses", len(r.Addresses), 1)
		role, volumes, goWithIt, sessions, services := 0, 0, 0, 0, []string{}
		for _, p := range r.ProfileAssociations {
			if p.Instance != d.Instance && strings.HasSuffix(p.ProfileARN, "/web-app-profile") {
				role++
			}
		}
		for _, v := range r.Volumes {
			if v.Attached.Instance == d.Instance {
				volumes++
				if v.Attached.DeleteOnTermination {
					goWithIt++
				}
			}
		}
		for _, x := range r.SSM.Sessions {
			if x.Target == d.Instance {
				sessions++
			}
		}
		for _, e := range r.Endpoints {
			services = append(services, e.Service[strings.LastIndex(e.Service, ".")+1:])
		}
		count("other instances with the role", role, 6)
		count("volumes", volumes, 2)
		count("volumes that go with it", goWithIt, 1)
		count("sessions", sessions, 1)
		slices.Sort(services)
		if want := []string{"ec2messages", "s3", "ssm", "ssmmessages"}; !slices.Equal(services, want) {
			t.Errorf("endpoints %q", services)
		}
	})
}

func TestScenariosDifferInWhatTheyAreAbout(t *testing.T) {
	look := func(name string, f func(a *awssim.Account, r *awssim.Region, i *awssim.Instance, enis []*awssim.NetworkInterface)) {
		s, _ := Find(name)
		d := play(s, 1)
		d.World.Do(func(a *awssim.Account) {
			r := a.Region(d.Region)
			var enis []*awssim.NetworkInterface
			for _, eni := range r.NetworkInterfaces {
				if eni.Attachment != nil && eni.Attachment.Instance == d.Instance {
					enis = append(enis, eni)
				}
			}
			f(a, r, r.Instances[d.Instance], enis)
		})
	}
	look("ec2-bare", func(a *awssim.Account, r *awssim.Region, i *awssim.Instance, enis []*awssim.NetworkInterface) {
		if len(r.ProfileAssociations)+len(r.SSM.Nodes)+len(r.AutoScaling.Groups)+len(r.ELBv2.TargetGroups) > 0 || r.SecurityGroups[enis[0].Groups[0]].Name != "default" {
			t.Error("ec2-bare is not bare")
		}
	})
	look("ec2-ipv6-only", func(_ *awssim.Account, r *awssim.Region, i *awssim.Instance, enis []*awssim.NetworkInterface) {
		if len(enis[0].PrivateIPs) != 0 || len(enis[0].IPv6) != 1 || r.Subnets[i.Subnet].CIDR != "" {
			t.Errorf("ec2-ipv6-only: %+v in %+v", enis[0], r.Subnets[i.Subnet])
		}
	})
	look("ec2-spot", func(_ *awssim.Account, _ *awssim.Region, i *awssim.Instance, _ []*awssim.NetworkInterface) {
		if !i.Spot {
			t.Error("ec2-spot is no spot instance")
		}
	})
	look("ec2-stopped", func(_ *awssim.Account, _ *awssim.Region, i *awssim.Instance, _ []*awssim.NetworkInterface) {
		if i.State != "stopped" {
			t.Errorf("ec2-stopped is %s", i.State)
		}
	})
	look("ec2-half-contained", func(_ *awssim.Account, r *awssim.Region, i *awssim.Instance, enis []*awssim.NetworkInterface) {
		empty := 0
		for _, eni := range enis {
			for _, g := range eni.Groups {
				if len(r.SecurityGroups[g].Ingress)+len(r.SecurityGroups[g].Egress) == 0 {
					empty++
				}
			}
		}
		if len(enis) != 2 || empty != 1 || !i.TerminationProtection {
			t.Errorf("ec2-half-contained: %d interfaces, %d groups without rules, protection %v", len(enis), empty, i.TerminationProtection)
		}
	})
	look("ec2-foreign-key", func(a *awssim.Account, r *awssim.Region, i *awssim.Instance, _ []*awssim.NetworkInterface) {
		refused := 0
		for _, v := range r.Volumes {
			for _, k := range r.KMS.Keys {
				if v.Key == k.ARN && k.Refused && k.Account != a.ID {
					refused++
				}
			}
		}
		if refused != 1 {
			t.Errorf("ec2-foreign-key: %d volumes with such a key", refused)
		}
	})
	look("ec2-opt-in-region", func(_ *awssim.Account, r *awssim.Region, _ *awssim.Instance, _ []*awssim.NetworkInterface) {
		if r.OptIn != "opted-in" {
			t.Errorf("ec2-opt-in-region: %s", r.OptIn)
		}
	})
	look("ec2-many-interfaces", func(_ *awssim.Account, r *awssim.Region, _ *awssim.Instance, enis []*awssim.NetworkInterface) {
		subnets, acls := map[string]bool{}, map[string]bool{}
		for _, eni := range enis {
			subnets[eni.Subnet] = true
			for _, acl := range r.NetworkACLs {
				if slices.Contains(acl.Members, eni.Subnet) {
					acls[acl.ID] = true
				}
			}
		}
		if len(enis) != 6 || len(subnets) != 3 || len(acls) != 2 {
			t.Errorf("ec2-many-interfaces: %d interfaces, %d subnets, %d network ACLs", len(enis), len(subnets), len(acls))
		}
	})
	look("ec2-terminated", func(a *awssim.Account, r *awssim.Region, i *awssim.Instance, enis []*awssim.NetworkInterface) {
		left := 0
		for _, v := range r.Volumes {
			if v.State == "available" {
				left++
			}
		}
		if i.State != "terminated" || len(enis) != 0 || left != 1 || r.ProfileAssociations[i.ID] != nil || a.IAM.Roles["batch"] == nil {
			t.Errorf("ec2-terminated: %s, %d interfaces, %d volumes left", i.State, len(enis), left)
		}
	})
	look("ec2-gov", func(a *awssim.Account, _ *awssim.Region, _ *awssim.Instance, _ []*awssim.NetworkInterface) {
		if !strings.HasPrefix(a.IAM.Roles["gov"].ARN, "arn:aws-us-gov:iam::") {
			t.Errorf("ec2-gov: %s", a.IAM.Roles["gov"].ARN)
		}
	})
}

func TestExfiltrationNamesTheSessionOfTheInstance(t *testing.T) {
	s, _ := Find("ec2-credential-exfiltration")
	d := play(s, 1)
	var event struct {
		Detail struct {
			Resource struct {
				ResourceType     string
				AccessKeyDetails struct{ PrincipalID, UserName string }
			}
		}
	}
	if err := json.Unmarshal(d.Finding, &event); err != nil {
		t.Fatal(err)
	}
	var role string
	d.World.Do(func(a *awssim.Account) { role = a.IAM.Roles["web-app"].ID })
	if got := event.Detail.Resource; got.ResourceType != "AccessKey" || got.AccessKeyDetails.PrincipalID != role+":"+d.Instance {
		t.Errorf("resource %+v, want the session %s:%s", got, role, d.Instance)
	}
	docs, _, err := finding.ReadAll("f", bytes.NewReader(d.Finding))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(docs[0].Incident.Subjects, func(x casefile.Subject) bool { return x.Kind == casefile.IAMRole && x.ID == "web-app" }) {
		t.Errorf("the role is no subject: %+v", docs[0].Incident.Subjects)
	}
}

func values[T any](m map[string]T) []T {
	var list []T
	for _, v := range m {
		list = append(list, v)
	}
	return list
}
