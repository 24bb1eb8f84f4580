package playbook

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"cordon/internal/action"
)

// agentServices is what the SSM agent talks to
// (docs.aws.amazon.com/systems-manager/latest/userguide/setup-create-vpc.html).
var agentServices = [...]string{"ssm", "ssmmessages", "ec2messages"}

// egress is the quarantine group's options in a VPC: none, or 443 to the VPC's own SSM and S3 endpoints.
func (p *ec2Plan) egress(vpc string) map[string]string {
	params := p.params("tags", p.tags())
	if !p.o.ForensicsEgress {
		return params
	}
	groups, prefixes := p.endpointPeers(vpc)
	if len(groups)+len(prefixes) == 0 {
		return params
	}
	params["egress"] = "forensics"
	params["endpoint_groups"], params["prefix_lists"] = action.List(groups), action.List(prefixes)
	for key, value := range params {
		if value == "" {
			delete(params, key)
		}
	}
	return params
}

// endpointPeers is what a rule can name: the groups of interface endpoints, the prefix list of the gateway.
func (p *ec2Plan) endpointPeers(vpc string) (groups, prefixes []string) {
	for _, e := range p.endpoints {
		if aws.ToString(e.VpcId) != vpc || !p.forCaptures(e) {
			continue
		}
		if e.VpcEndpointType == ec2types.VpcEndpointTypeGateway {
			for _, l := range p.prefixes {
				prefixes = append(prefixes, aws.ToString(l.PrefixListId))
			}
			continue
		}
		for _, g := range e.Groups {
			groups = append(groups, aws.ToString(g.GroupId))
		}
	}
	slices.Sort(groups)
	slices.Sort(prefixes)
	return slices.Compact(groups), slices.Compact(prefixes)
}

func (p *ec2Plan) forCaptures(e ec2types.VpcEndpoint) bool {
	if e.VpcEndpointType != ec2types.VpcEndpointTypeGateway && e.VpcEndpointType != ec2types.VpcEndpointTypeInterface {
		return false
	}
	service := lastService(aws.ToString(e.ServiceName))
	return service == "s3" || slices.Contains(agentServices[:], service)
}

// lastService is "ssm" of com.amazonaws.eu-west-1.ssm, or of cn.com.amazonaws.cn-north-1.ssm.
func lastService(name string) string { return name[strings.LastIndex(name, ".")+1:] }

// tellEgress says what the forensics egress is good for and what it leaves open.
func (p *ec2Plan) tellEgress() {
	if !p.o.ForensicsEgress {
		return
	}
	for _, vpc := range p.vpcIDs() {
		var have []string
		for _, e := range p.endpoints {
			if aws.ToString(e.VpcId) != vpc || !p.forCaptures(e) {
				continue
			}
			have = append(have, lastService(aws.ToString(e.ServiceName)))
			if lastService(aws.ToString(e.ServiceName)) == "s3" && opensAnyBucket(aws.ToString(e.PolicyDocument)) {
				p.warn("the policy of S3 endpoint " + aws.ToString(e.VpcEndpointId) + " lets data out to any bucket, an intruder's included")
			}
		}
		if len(have) == 0 {
			p.warn(vpc + " has no SSM or S3 endpoint that 443 could be left open to: the isolation there is complete, and the agent cannot be reached")
			continue
		}
		if missing := lacking(have); len(missing) > 0 {
			p.warn(vpc + " lacks endpoints for " + strings.Join(missing, ", ") + ": captures through the agent will not work")
		}
		p.draft.Survives = append(p.draft.Survives, "443 to the VPC's own endpoints ("+strings.Join(slices.Compact(slices.Sorted(slices.Values(have))), ", ")+"), as asked for")
	}
}

func lacking(have []string) []string {
	var missing []string
	for _, service := range [...]string{"ssm", "ssmmessages", "s3"} {
		if !slices.Contains(have, service) {
			missing = append(missing, service)
		}
	}
	return missing
}

// opensAnyBucket tells whether an endpoint policy allows something on every bucket without a condition. What
// cannot be read counts as open: AWS's default policy, which an empty one stands for, allows all
// (docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-access.html).
func opensAnyBucket(policy string) bool {
	var document struct {
		Statement json.RawMessage
	}
	if err := json.Unmarshal([]byte(policy), &document); err != nil {
		return true
	}
	type statement struct {
		Effect      string
		Resource    json.RawMessage
		NotResource json.RawMessage
		Condition   json.RawMessage
	}
	var statements []statement
	if err := json.Unmarshal(document.Statement, &statements); err != nil {
		var one statement
		if err := json.Unmarshal(document.Statement, &one); err != nil {
			return true
		}
		statements = []statement{one}
	}
	return slices.ContainsFunc(statements, func(s statement) bool {
		if s.Effect != "Allow" || len(s.Condition) > 2 {
			return false
		}
		return len(s.NotResource) > 0 || slices.ContainsFunc(oneOrMany(s.Resource), everyBucket)
	})
}

// everyBucket: any pattern whose bucket part begins with a wildcard takes in buckets of anybody's.
func everyBucket(resource string) bool {
	bucket := resource[strings.LastIndex(resource, ":")+1:]
	return strings.HasPrefix(bucket, "*") || strings.HasPrefix(bucket, "?")
}

func oneOrMany(raw json.RawMessage) []string {
	var many []string
	if json.Unmarshal(raw, &many) == nil {
		return many
	}
	var one string
	if json.Unmarshal(raw, &one) == nil {
		return []string{one}
	}
	return []string{"*"}
}
