package playbook

import "context"

// identityBehind plans what is to be done to the person behind a role that Identity Center or a directory signs in
// to.
func (p *rolePlan) identityBehind(context.Context) {}
