package action

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"cordon/internal/casefile"
)

func TestTagsOfTheResponderNeverReplaceCordons(t *testing.T) {
	target := onVictim("op-1", map[string]string{"tags": "ticket=IR-7=a\ncordon:op=mine\n=x\nplain\nticket=again"})
	got := map[string]string{}
	for _, tag := range target.Tags() {
		if _, twice := got[aws.ToString(tag.Key)]; twice {
			t.Errorf("tag %s stands twice", aws.ToString(tag.Key))
		}
		got[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
	}
	if len(got) != 4 || got[opTag] != "op-1" || got[caseTag] != "case-1" || got["ticket"] != "IR-7=a" {
		t.Errorf("tags %v", got)
	}
}

func TestTagsComeBackAsTheyWere(t *testing.T) {
	s := &script{answers: map[string]any{"CreateTags": &ec2.CreateTagsOutput{}, "DeleteTags": &ec2.DeleteTagsOutput{}}}
	target := onVictim("op-1", map[string]string{"tags": "ticket=7"})
	before := json.RawMessage(`{"tags":[{"key":"cordon:case","value":null},{"key":"cordon:op","value":null},{"key":"ticket","value":"old"}]}`)
	after := json.RawMessage(`{"tags":[{"key":"cordon:case","value":"case-1"},{"key":"cordon:op","value":"op-1"},{"key":"ticket","value":"7"}]}`)
	if st, _ := TagInstance.Status(target, after); st != Done {
		t.Errorf("status %v with every tag set", st)
	}
	if st, _ := TagInstance.Status(target, before); st != Todo {
		t.Errorf("status %v with none set", st)
	}
	if err := TagInstance.Undo(may(TagInstance), s.connect(t), target, before, after); err != nil {
		t.Fatal(err)
	}
	put, gone := sentOf[ec2.CreateTagsInput](s)[0].Tags, sentOf[ec2.DeleteTagsInput](s)[0].Tags
	if v, _ := tagValue(put, "ticket"); len(put) != 1 || v != "old" {
		t.Errorf("put back %v", put)
	}
	if v, _ := tagValue(gone, opTag); len(gone) != 2 || v != "op-1" {
		t.Errorf("took off %v; without its value, AWS takes a tag off whatever it says", gone)
	}
}

// A terminated instance stays visible for a while; it can no more be changed than one that never was.
func TestGoneInstances(t *testing.T) {
	terminated := victimWith()
	terminated.Reservations[0].Instances[0].State.Name = ec2types.InstanceStateNameTerminated
	for name, answer := range map[string]any{
		"never was": refusal("InvalidInstanceID.NotFound"), "terminated": terminated, "no answer": &ec2.DescribeInstancesOutput{},
	} {
		s := &script{answers: map[string]any{"DescribeInstances": answer}}
		for _, a := range []Action{ProtectTermination, KeepVolumes, TagInstance, StopInstance, SnapshotVolumes} {
			if _, err := a.Observe(may(a), s.connect(t), onVictim("op", nil)); !errors.Is(err, ErrGone) {
				t.Errorf("%s of an instance that %s: %v", a.Name, name, err)
			}
		}
	}
	s := &script{answers: map[string]any{"DescribeInstances": refusal("UnauthorizedOperation")}}
	if _, err := StopInstance.Observe(may(StopInstance), s.connect(t), onVictim("op", nil)); err == nil || errors.Is(err, ErrGone) {
		t.Errorf("an instance that may not be looked at: %v", err)
	}
}

func TestSpotIsNotSaidToBeProtected(t *testing.T) {
	now := json.RawMessage(`{"protected":false,"spot":true}`)
	if st, _ := ProtectTermination.Status(onVictim("op", nil), now); st != Todo {
		t.Errorf("status %v", st)
	}
	s := &script{answers: map[string]any{}}
	if err := ProtectTermination.Apply(may(ProtectTermination), s.connect(t), onVictim("op", nil), now); err == nil || len(s.sent) > 0 {
		t.Errorf("error %v, sent %v", err, s.sent)
	}
}

func TestMovedAddressIsLeftAlone(t *testing.T) {
	s := &script{answers: map[string]any{
		"DescribeAddresses": &ec2.DescribeAddressesOutput{Addresses: []ec2types.Address{{
			AllocationId: aws.String("eipalloc-1"), AssociationId: aws.String("eipassoc-1"), InstanceId: aws.String("i-0other"), NetworkInterfaceId: aws.String("eni-9"),
		}}},
		"DisassociateAddress": &ec2.DisassociateAddressOutput{},
	}}
	target := Target{Target: casefile.Target{Kind: casefile.ElasticIP, ID: "eipalloc-1", Parent: victim}, OpID: "op"}
	c := s.connect(t)
	now, err := DetachAddress.Observe(may(DetachAddress), c, target)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(now), "eipassoc") {
		t.Errorf("the state %s holds an id that changes on undo", now)
	}
	if err := DetachAddress.Apply(may(DetachAddress), c, target, now); err == nil || len(sentOf[ec2.DisassociateAddressInput](s)) > 0 {
		t.Errorf("error %v: somebody else's instance lost its address", err)
	}
	// The state may be older than the association.
	stale := json.RawMessage(`{"public_ip":"203.0.113.7","interface":"eni-1","instance":"` + victim + `"}`)
	if err := DetachAddress.Apply(may(DetachAddress), c, target, stale); err != nil || len(sentOf[ec2.DisassociateAddressInput](s)) > 0 {
		t.Errorf("error %v: somebody else's instance lost its address", err)
	}
}

// A profile of the same name need not be the one that was taken off.
func TestAnotherProfileOfTheSameNameIsNotPutBack(t *testing.T) {
	before := json.RawMessage(`{"profile":"arn:aws:iam::111122223333:instance-profile/app/web","profile_id":"AIPAOLD"}`)
	for id, put := range map[string]int{"AIPAOLD": 1, "AIPANEW": 0} {
		s := &script{answers: map[string]any{
			"GetInstanceProfile":          &iam.GetInstanceProfileOutput{InstanceProfile: &iamtypes.InstanceProfile{InstanceProfileId: aws.String(id)}},
			"AssociateIamInstanceProfile": &ec2.AssociateIamInstanceProfileOutput{},
		}}
		err := RemoveProfile.Undo(may(RemoveProfile), s.connect(t), onVictim("op", nil), before, json.RawMessage(`{"profile":""}`))
		if got := len(sentOf[ec2.AssociateIamInstanceProfileInput](s)); got != put || (err == nil) != (put == 1) {
			t.Errorf("%s: put back %d times, error %v", id, got, err)
		}
		if name := aws.ToString(sentOf[iam.GetInstanceProfileInput](s)[0].InstanceProfileName); name != "web" {
			t.Errorf("looked at profile %q", name)
		}
	}
}

func TestProfileOnItsWayIsWaitedFor(t *testing.T) {
	association := func(state ec2types.IamInstanceProfileAssociationState) *ec2.DescribeIamInstanceProfileAssociationsOutput {
		return &ec2.DescribeIamInstanceProfileAssociationsOutput{IamInstanceProfileAssociations: []ec2types.IamInstanceProfileAssociation{{
			InstanceId: aws.String(victim), AssociationId: aws.String("iip-assoc-1"), State: state,
			IamInstanceProfile: &ec2types.IamInstanceProfile{Arn: aws.String("arn:aws:iam::111122223333:instance-profile/web"), Id: aws.String("AIPA")},
		}}}
	}
	for state, want := range map[ec2types.IamInstanceProfileAssociationState]Status{
		ec2types.IamInstanceProfileAssociationStateAssociating: Waiting, ec2types.IamInstanceProfileAssociationStateAssociated: Todo,
		ec2types.IamInstanceProfileAssociationStateDisassociating: Waiting, ec2types.IamInstanceProfileAssociationStateDisassociated: Done,
	} {
		s := &script{answers: map[string]any{"DescribeIamInstanceProfileAssociations": association(state)}}
		now, err := RemoveProfile.Observe(may(RemoveProfile), s.connect(t), onVictim("op", nil))
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := RemoveProfile.Status(onVictim("op", nil), now); got != want {
			t.Errorf("%s: status %v, want %v", state, got, want)
		}
	}
}

// The caller's own shell is not the intruder's; a disconnected session can be taken up again and is.
func TestSessionsThatAreEnded(t *testing.T) {
	session := func(id, owner string, status ssmtypes.SessionStatus) ssmtypes.Session {
		return ssmtypes.Session{SessionId: aws.String(id), Owner: aws.String(owner), Status: status, Target: aws.String(victim)}
	}
	other := session("other-target", "arn:aws:iam::111122223333:user/eve", ssmtypes.SessionStatusConnected)
	other.Target = aws.String("i-0other")
	s := &script{answers: map[string]any{
		"DescribeSessions": &ssm.DescribeSessionsOutput{Sessions: []ssmtypes.Session{
			session("b-connected", "arn:aws:iam::111122223333:user/eve", ssmtypes.SessionStatusConnected),
			session("a-disconnected", "arn:aws:iam::111122223333:user/eve", ssmtypes.SessionStatusDisconnected),
			session("over", "arn:aws:iam::111122223333:user/eve", ssmtypes.SessionStatusTerminated),
			session("own", "arn:aws:sts::111122223333:assumed-role/responder/ann", ssmtypes.SessionStatusConnected), other,
		}},
		"TerminateSession": &ssm.TerminateSessionOutput{},
	}}
	c, target := s.connect(t), onVictim("op", nil)
	now, err := EndSessions.Observe(may(EndSessions), c, target)
	if err != nil {
		t.Fatal(err)
	}
	if err := EndSessions.Apply(may(EndSessions), c, target, now); err != nil {
		t.Fatal(err)
	}
	var ended []string
	for _, in := range sentOf[ssm.TerminateSessionInput](s) {
		ended = append(ended, aws.ToString(in.SessionId))
	}
	if strings.Join(ended, " ") != "a-disconnected b-connected" {
		t.Errorf("ended %v", ended)
	}
	if hits, _ := EndSessions.Impact(may(EndSessions), c, target, now); !strings.Contains(strings.Join(hits, "\n"), "1 session of the responder's own") {
		t.Errorf("impact %q", hits)
	}
}

// takesNothing are the calls that delete by their name alone: a session that is open anyway, and what somebody has been
// given, which release gives again, the same.
var takesNothing = []string{"ssm:TerminateSession", "ssoadmin:DeleteAccountAssignment", "identitystore:DeleteGroupMembership"}

func TestEveryActionIsDeclaredInFull(t *testing.T) {
	seen := map[string]bool{}
	for _, a := range All {
		if a.Name == "" || a.Summary == "" || a.Phase == "" || a.Target == "" || seen[a.Name] {
			t.Errorf("action %q: name, summary, phase or target are missing, or the name stands twice", a.Name)
		}
		seen[a.Name] = true
		if a.Gathers() {
			if len(a.Writes) > 0 || a.DeadlineS == 0 {
				t.Errorf("%s gathers: it writes %v and has the deadline %d", a.Name, a.Writes, a.DeadlineS)
			}
			continue
		}
		if a.Observe == nil || a.Status == nil || a.Apply == nil || len(a.Reads) == 0 || len(a.Writes) == 0 {
			t.Errorf("%s does not say how it looks, judges and applies", a.Name)
		}
		recovers := a.Phase == casefile.Recover && a.Irreversible != "" // approved by its number, and never containment
		for _, o := range a.Writes {
			if !recovers && (strings.HasPrefix(o.Name, "Delete") || strings.HasPrefix(o.Name, "Terminate")) && !slices.Contains(takesNothing, o.String()) {
				t.Errorf("%s deletes on the way in: %s", a.Name, o)
			}
		}
		if !a.Evidence && !a.GivesBack && !recovers && a.Undo == nil {
			t.Errorf("%s cannot be put back", a.Name)
		}
	}
}
