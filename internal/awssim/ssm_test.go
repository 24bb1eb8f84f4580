package awssim

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

func TestNodesThatRunAreDescribed(t *testing.T) {
	s := newScene(t)
	s.AddNode(testRegion, Node{Instance: "i-1"})
	s.AddNode(testRegion, Node{Instance: "i-2", Ping: types.PingStatusConnectionLost})
	s.AddNode(testRegion, Node{Instance: "i-3"})
	s.Do(func(a *Account) { a.Region(testRegion).Instances["i-3"].State = "stopped" })
	c := ssm.NewFromConfig(s.cfg)
	describe := func(ids ...string) map[string]string {
		t.Helper()
		found := map[string]string{}
		p := ssm.NewDescribeInstanceInformationPaginator(c, &ssm.DescribeInstanceInformationInput{
			Filters: []types.InstanceInformationStringFilter{{Key: aws.String("InstanceIds"), Values: ids}},
		})
		for p.HasMorePages() {
			out, err := p.NextPage(ctx)
			ok(t, err)
			for _, i := range out.InstanceInformationList {
				found[*i.InstanceId] = string(i.PingStatus)
			}
		}
		return found
	}
	if got, want := describe("i-1", "i-2", "i-3", "i-4"), (map[string]string{"i-1": "Online", "i-2": "ConnectionLost"}); !equalMaps(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	_, err := c.DescribeInstanceInformation(ctx, &ssm.DescribeInstanceInformationInput{MaxResults: aws.Int32(1)})
	wantCode(t, err, "ValidationException")
}

func TestTerminatedSessionIsNoLongerActive(t *testing.T) {
	s := newScene(t)
	for range 3 {
		s.AddSession(testRegion, Session{Target: "i-1", Owner: "arn:aws:iam::111122223333:user/mallory"})
	}
	other := s.AddSession(testRegion, Session{Target: "i-2"})
	c := ssm.NewFromConfig(s.cfg)
	sessions := func(state types.SessionState) []string {
		t.Helper()
		var ids []string
		p := ssm.NewDescribeSessionsPaginator(c, &ssm.DescribeSessionsInput{
			State: state, Filters: []types.SessionFilter{{Key: types.SessionFilterKeyTargetId, Value: aws.String("i-1")}},
		})
		for p.HasMorePages() {
			out, err := p.NextPage(ctx)
			ok(t, err)
			for _, session := range out.Sessions {
				ids = append(ids, *session.SessionId)
			}
		}
		return ids
	}
	active := sessions(types.SessionStateActive)
	if len(active) != 3 {
		t.Fatalf("%d active", len(active))
	}
	for range 2 { // the second time it has ended already
		_, err := c.TerminateSession(ctx, &ssm.TerminateSessionInput{SessionId: aws.String(active[0])})
		ok(t, err)
	}
	same(t, "active", sessions(types.SessionStateActive), active[1:])
	same(t, "history", sessions(types.SessionStateHistory), active[:1])
	s.Do(func(a *Account) {
		if !a.Region(testRegion).SSM.Sessions[other.ID].End.IsZero() {
			t.Error("a session on another instance ended")
		}
	})
	wantNoViolation(t, s)
	_, err := c.TerminateSession(ctx, &ssm.TerminateSessionInput{SessionId: aws.String("nobody-0123456789abcdef0")})
	wantCode(t, err, "DoesNotExistException")
}
