package trail

import (
	"context"
	"maps"
	"slices"
	"strings"
)

// maxEntries bounds the events that are read to say how credentials were entered: a role that was asked about as a
// whole may have a session for each of a million calls.
const maxEntries = 1_000

// entries says of each credential of the intruder's who asked for it, whether or not that was the intruder: the door
// that it came in by. Most of that the callers' identities tell; an event is read where it alone does.
func (s *search) entries(ctx context.Context) error {
	read := map[int][]*node{}
	for _, name := range slices.Sorted(maps.Keys(s.nodes)) {
		n := s.nodes[name]
		if n.followed() == nil {
			continue
		}
		if n.group >= 0 && n.Kind == "federated-user" {
			n.EnteredFrom = with(n.EnteredFrom, s.g.one(n.group).IssuerARN)
		}
		for _, row := range s.issuers(n.AccessKey) {
			by := s.c.Identity(s.c.Row(row).Identity)
			n.EnteredFrom = with(n.EnteredFrom, doorOf(by))
			if len(read) < maxEntries && (by.Type == "SAMLUser" || n.group < 0 && n.ARN == "") {
				read[row] = append(read[row], n)
			}
		}
	}
	return s.c.Events(ctx, slices.Collect(maps.Keys(read)), func(row int, e *Event) error {
		fx := EffectsOf(e)
		for _, n := range read[row] {
			if e.Name == "AssumeRoleWithSAML" {
				n.EnteredFrom = with(n.EnteredFrom, e.str("request.principalArn"))
			}
			for _, i := range fx.Issues {
				if i.AccessKey == n.AccessKey {
					s.fill(n, i, e)
				}
			}
		}
		return nil
	})
}

// doorOf names a caller as a trust policy may: by ARN, by the identity provider that vouched for it, or by the account
// where the log has no more. A service is nobody's door.
func doorOf(id *Identity) string {
	switch {
	case id.Type == "AWSService" || id.Type == "SAMLUser":
		return ""
	case id.ARN != "":
		return id.ARN
	case id.Provider != "":
		return id.Provider
	case strings.HasPrefix(id.Type, "AWSAccount"):
		return id.Account
	}
	return ""
}
