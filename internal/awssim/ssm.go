package awssim

import (
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

// SSMState is a region's managed nodes, by instance id, and the sessions of
// Session Manager, by session id.
type SSMState struct {
	Nodes    map[string]*Node    `dump:"ssm/node"`
	Sessions map[string]*Session `dump:"ssm/session"`
}

func newSSMState() SSMState {
	return SSMState{Nodes: map[string]*Node{}, Sessions: map[string]*Session{}}
}

// Node is an instance whose SSM agent has registered.
type Node struct {
	Instance string
	Ping     types.PingStatus
	LastPing time.Time `json:"-"`
	Agent    string    // version of the agent
	Platform string    // "Amazon Linux"
	Computer string
	Address  string
}

// Session is somebody's shell on a node.
type Session struct {
	ID       string
	Target   string
	Owner    string // ARN of who opened it
	Document string
	Reason   string
	Status   types.SessionStatus
	Start    time.Time
	End      time.Time // zero while it lives
}

func ssmHandlers() []handler {
	return []handler{
		read(ssmDescribeInstanceInformation),
		read(ssmDescribeSessions),
		write(ssmTerminateSession),
	}
}

// AddNode registers an instance's SSM agent.
func (w *World) AddNode(region string, n Node) *Node {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n.Ping == "" {
		n.Ping = types.PingStatusOnline
	}
	if n.LastPing.IsZero() {
		n.LastPing = w.options.Now()
	}
	if n.Agent == "" {
		n.Agent = "3.3.3050.0"
	}
	if n.Platform == "" {
		n.Platform = "Amazon Linux"
	}
	w.account.Region(region).SSM.Nodes[n.Instance] = &n
	w.noteKnown()
	return &n
}

// AddSession opens a session, as an intruder or a colleague does. A hook may
// call it in the middle of an incident.
func (w *World) AddSession(region string, s Session) *Session {
	w.mu.Lock()
	defer w.mu.Unlock()
	if s.ID == "" {
		s.ID = w.newID("session")
	}
	if s.Status == "" {
		s.Status = types.SessionStatusConnected
	}
	if s.Start.IsZero() {
		s.Start = w.options.Now()
	}
	if s.Document == "" {
		s.Document = "SSM-SessionManagerRunShell"
	}
	w.account.Region(region).SSM.Sessions[s.ID] = &s
	w.noteKnown()
	return &s
}

// Nodes that are stopped or terminated are not described.
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DescribeInstanceInformation.html
func ssmDescribeInstanceInformation(r *Request, in *ssm.DescribeInstanceInformationInput) (*ssm.DescribeInstanceInformationOutput, error) {
	if n := aws.ToInt32(in.MaxResults); in.MaxResults != nil && (n < 5 || n > 50) {
		return nil, fail("ValidationException", "Value '%d' at 'maxResults' failed to satisfy constraint: Member must be between 5 and 50", n)
	}
	if len(in.InstanceInformationFilterList) > 0 {
		return nil, invalidFilterKey("InstanceInformationFilterList is the legacy method and is not simulated")
	}
	var nodes []*Node
	for _, n := range view(r, r.Region.SSM.Nodes) {
		i := r.Region.Instances[n.Instance]
		if i != nil && i.State != "running" && i.State != "pending" {
			continue
		}
		ok, err := nodeMatches(n, in.Filters)
		if err != nil {
			return nil, err
		}
		if ok {
			nodes = append(nodes, n)
		}
	}
	nodes, next, err := page(r, nodes, func(n *Node) string { return n.Instance }, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &ssm.DescribeInstanceInformationOutput{NextToken: next, InstanceInformationList: []types.InstanceInformation{}}
	for _, n := range nodes {
		out.InstanceInformationList = append(out.InstanceInformationList, types.InstanceInformation{
			InstanceId: aws.String(n.Instance), PingStatus: n.Ping, LastPingDateTime: aws.Time(n.LastPing),
			AgentVersion: aws.String(n.Agent), IsLatestVersion: aws.Bool(true),
			PlatformType: types.PlatformTypeLinux, PlatformName: aws.String(n.Platform),
			ResourceType: types.ResourceTypeEc2Instance, SourceType: types.SourceTypeAwsEc2Instance, SourceId: aws.String(n.Instance),
			ComputerName: optional(n.Computer), IPAddress: optional(n.Address),
		})
	}
	return out, nil
}

func nodeMatches(n *Node, filters []types.InstanceInformationStringFilter) (bool, error) {
	for _, f := range filters {
		var value string
		switch aws.ToString(f.Key) {
		case "InstanceIds":
			value = n.Instance
		case "PingStatus":
			value = string(n.Ping)
		case "ResourceType":
			value = string(types.ResourceTypeEc2Instance)
		default:
			return false, invalidFilterKey("unknown filter key " + aws.ToString(f.Key))
		}
		if !slices.Contains(f.Values, value) {
			return false, nil
		}
	}
	return true, nil
}

// Active sessions are those that live, connected or not; the history holds
// those that ended in the last 30 days.
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DescribeSessions.html
func ssmDescribeSessions(r *Request, in *ssm.DescribeSessionsInput) (*ssm.DescribeSessionsOutput, error) {
	var sessions []*Session
	for _, s := range view(r, r.Region.SSM.Sessions) {
		if s.End.IsZero() != (in.State == types.SessionStateActive) || !s.End.IsZero() && r.Now.Sub(s.End) > 30*24*time.Hour {
			continue
		}
		ok, err := sessionMatches(s, in.Filters)
		if err != nil {
			return nil, err
		}
		if ok {
			sessions = append(sessions, s)
		}
	}
	sessions, next, err := page(r, sessions, func(s *Session) string { return s.ID }, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &ssm.DescribeSessionsOutput{NextToken: next, Sessions: []types.Session{}}
	for _, s := range sessions {
		d := types.Session{
			SessionId: aws.String(s.ID), Target: aws.String(s.Target), Owner: aws.String(s.Owner), Status: s.Status,
			StartDate: aws.Time(s.Start), DocumentName: aws.String(s.Document), Reason: optional(s.Reason),
			AccessType: types.AccessTypeStandard,
		}
		if !s.End.IsZero() {
			d.EndDate = aws.Time(s.End)
		}
		out.Sessions = append(out.Sessions, d)
	}
	return out, nil
}

func sessionMatches(s *Session, filters []types.SessionFilter) (bool, error) {
	for _, f := range filters {
		var value string
		switch f.Key {
		case types.SessionFilterKeyTargetId:
			value = s.Target
		case types.SessionFilterKeyOwner:
			value = s.Owner
		case types.SessionFilterKeyStatus:
			value = string(s.Status)
		case types.SessionFilterKeySessionId:
			value = s.ID
		default:
			return false, invalidFilterKey("unknown filter key " + string(f.Key))
		}
		if aws.ToString(f.Value) != value {
			return false, nil
		}
	}
	return true, nil
}

// Ending a session that has ended already changes nothing and is no error.
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_TerminateSession.html
func ssmTerminateSession(r *Request, in *ssm.TerminateSessionInput) (*ssm.TerminateSessionOutput, error) {
	id := aws.ToString(in.SessionId)
	s, ok := r.Region.SSM.Sessions[id]
	if !ok {
		r.missing(id)
		return nil, modelled(400, &types.DoesNotExistException{Message: aws.String("Session " + id + " does not exist")})
	}
	if s.End.IsZero() {
		touch(r, r.Region.SSM.Sessions, id)
		s.Status, s.End = types.SessionStatusTerminated, r.Now
	}
	return &ssm.TerminateSessionOutput{SessionId: aws.String(id)}, nil
}

func invalidFilterKey(why string) error {
	return modelled(400, &types.InvalidFilterKey{Message: aws.String(why)})
}
