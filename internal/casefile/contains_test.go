package casefile

import "testing"

// TestNotContained: whom the responder spared is told apart from whom nothing can stop.
func TestNotContained(t *testing.T) {
	alice, web, service := Subject{Kind: IAMUser, ID: "alice"}, Subject{Kind: IAMRole, ID: "web"}, Subject{Kind: IAMRole, ID: "service"}
	cut := []Step{{Phase: Contain}}
	for name, x := range map[string]struct {
		plan Plan
		want string
	}{
		"all cut":           {Plan{Steps: cut}, ""},
		"none":              {Plan{Uncontained: []Subject{service}}, NothingContained},
		"one spared":        {Plan{Uncontained: []Subject{web}, Spared: []Subject{web}}, "nothing contained: iam-role web: spared, as asked (--spare)"},
		"one of two spared": {Plan{Uncontained: []Subject{service, web}, Spared: []Subject{web}}, NothingContained},
		"spared beside a cut": {Plan{Subjects: []Subject{alice, web}, Steps: cut, Uncontained: []Subject{web}, Spared: []Subject{web}},
			"not contained: iam-role web: spared, as asked (--spare)"},
		"both beside a cut": {Plan{Subjects: []Subject{alice, web, service}, Steps: cut, Uncontained: []Subject{web, service}, Spared: []Subject{web}},
			"not contained: iam-role service: no step stops that, or not all of it; the plan's warnings say what to do instead; iam-role web: spared, as asked (--spare)"},
	} {
		if got := x.plan.NotContained(); got != x.want {
			t.Errorf("%s: %q, want %q", name, got, x.want)
		}
	}
}
