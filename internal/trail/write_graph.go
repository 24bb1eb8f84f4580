package trail

import (
	"cmp"
	"io"
	"slices"
	"strings"
)

// The graph of a document: identities, what they reached, and who outside was given it. Ids of nodes are unique over
// the kinds; what they stand for is in the other members.
type graph struct {
	Nodes []graphNode `json:"nodes"` // by id
	Edges []graphEdge `json:"edges"` // by from, to, kind
}

type graphNode struct {
	ID         string     `json:"id"`
	Kind       string     `json:"kind"` // identity, resource, grantee
	Type       string     `json:"type"` // of an identity its kind; of a resource its CloudFormation name
	Label      string     `json:"label"`
	Account    string     `json:"account,omitempty"`
	Region     string     `json:"region,omitempty"`
	Outcome    string     `json:"outcome,omitempty"` // of a resource: accessed, attempted
	Secret     bool       `json:"secret,omitempty"`
	Confidence Confidence `json:"confidence,omitempty"`
	Events     int        `json:"events,omitempty"`
	FirstSeen  string     `json:"first_seen,omitempty"`
	LastSeen   string     `json:"last_seen,omitempty"`
	LiveUntil  string     `json:"live_until,omitempty"`
}

// graphEdge leads from an identity to what came of it, or from a resource to whom it was given. Evidence of what was
// reached is as long as the resource's: at most MaxEvidence events over all identities.
type graphEdge struct {
	From       string     `json:"from"`
	To         string     `json:"to"`
	Kind       string     `json:"kind"` // issued (relation of the identity), reached, attempted, exposed
	Relation   Relation   `json:"relation,omitempty"`
	Rule       string     `json:"rule"`
	Confidence Confidence `json:"confidence"`
	Access     []Access   `json:"access,omitempty"` // of the resource, by all identities
	FirstSeen  string     `json:"first_seen"`
	LastSeen   string     `json:"last_seen,omitempty"`
	RevokedAt  string     `json:"revoked_at,omitempty"`
	Evidence   []string   `json:"evidence"`
}

func writeGraph(w io.Writer, d *Document) error { return writeJSON(w, graphOf(d)) }

func graphOf(d *Document) graph {
	g := graph{Nodes: []graphNode{}, Edges: []graphEdge{}}
	for i := range d.Identities {
		g.identity(&d.Identities[i])
	}
	by := map[string]*ScopeEvent{}
	for i := range d.Events {
		by[d.Events[i].EventID] = &d.Events[i]
	}
	for i := range d.Resources {
		g.resource(&d.Resources[i], by)
	}
	for i := range d.Exposures {
		g.exposure(&d.Exposures[i])
	}
	slices.SortFunc(g.Nodes, func(a, b graphNode) int { return strings.Compare(a.ID, b.ID) })
	g.Nodes = slices.CompactFunc(g.Nodes, func(a, b graphNode) bool { return a.ID == b.ID })
	slices.SortFunc(g.Edges, func(a, b graphEdge) int {
		return cmp.Or(strings.Compare(a.From, b.From), strings.Compare(a.To, b.To), strings.Compare(a.Kind, b.Kind), strings.Compare(a.Rule, b.Rule))
	})
	return g
}

func identityNode(id string) string { return "identity/" + id }

// resourceNode has the name last: it may hold anything, the parts before it hold no slash.
func resourceNode(kind, account, region, id string) string {
	return strings.Join([]string{"resource", kind, account, region, id}, "/")
}

func (g *graph) identity(i *ScopeIdentity) {
	g.Nodes = append(g.Nodes, graphNode{ID: identityNode(i.ID), Kind: "identity", Type: i.Kind, Label: cmp.Or(i.ARN, i.AccessKey, i.ID), Account: i.Account,
		Confidence: i.Confidence, Events: i.Events, FirstSeen: i.FirstSeen, LastSeen: i.LastSeen, LiveUntil: i.LiveUntil})
	if i.Parent == "" {
		return
	}
	g.Edges = append(g.Edges, graphEdge{From: identityNode(i.Parent), To: identityNode(i.ID), Kind: "issued", Relation: i.Relation, Rule: i.Rule,
		Confidence: i.Confidence, FirstSeen: cmp.Or(i.Issued, i.FirstSeen), LastSeen: i.LastSeen, RevokedAt: i.RevokedAt, Evidence: i.Evidence})
}

// resource adds an edge from each identity whose events are the resource's evidence.
func (g *graph) resource(r *ScopeResource, events map[string]*ScopeEvent) {
	to := resourceNode(r.Type, r.Account, r.Region, r.ID)
	g.Nodes = append(g.Nodes, graphNode{ID: to, Kind: "resource", Type: r.Type, Label: r.ID, Account: r.Account, Region: r.Region, Outcome: r.Outcome,
		Secret: r.Secret, Confidence: r.Confidence, Events: r.Events, FirstSeen: r.FirstSeen, LastSeen: r.LastSeen})
	by := map[string]*graphEdge{}
	var order []string
	for _, id := range r.Evidence {
		e := events[id]
		if e == nil {
			continue
		}
		edge := by[e.Identity]
		if edge == nil {
			edge = &graphEdge{From: identityNode(e.Identity), To: to, Kind: "attempted", Rule: e.Rule, Confidence: e.Confidence, Access: r.Access,
				FirstSeen: e.Time, LastSeen: e.Time, Evidence: []string{}}
			by[e.Identity] = edge
			order = append(order, e.Identity)
		}
		if e.Outcome == Success.String() {
			edge.Kind = "reached"
		}
		edge.FirstSeen, edge.LastSeen = min(edge.FirstSeen, e.Time), max(edge.LastSeen, e.Time)
		edge.Evidence = append(edge.Evidence, id)
	}
	for _, id := range order {
		g.Edges = append(g.Edges, *by[id])
	}
}

func (g *graph) exposure(x *ScopeExposure) {
	from, to := resourceNode(x.Type, x.Account, x.Region, x.Resource), "grantee/"+x.Grantee
	g.Nodes = append(g.Nodes, graphNode{ID: to, Kind: "grantee", Label: x.Grantee})
	if !slices.ContainsFunc(g.Nodes, func(n graphNode) bool { return n.ID == from }) {
		g.Nodes = append(g.Nodes, graphNode{ID: from, Kind: "resource", Type: x.Type, Label: x.Resource, Account: x.Account, Region: x.Region, Outcome: "accessed", Confidence: x.Confidence})
	}
	g.Edges = append(g.Edges, graphEdge{From: from, To: to, Kind: "exposed", Rule: x.Kind, Confidence: x.Confidence, FirstSeen: x.Since, RevokedAt: x.RevokedAt, Evidence: x.Evidence})
}
