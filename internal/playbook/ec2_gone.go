package playbook

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"cordon/internal/action"
)

// leftovers plans for a terminated instance: the volumes that it has left, and the credentials that its role
// issued to it, which outlive it.
func (p *ec2Plan) leftovers(ctx context.Context) (Draft, error) {
	p.warn(fmt.Sprintf("instance %s is terminated: only what it left behind can still be dealt with", p.id))
	volumes, err := p.leftVolumes(ctx)
	p.doubt("the volumes that it left", err)
	p.volumes = volumes
	if len(volumes) > 0 {
		p.snapshots(action.List(p.volumeIDs()), "yes")
	} else if err == nil {
		p.draft.NotCaptured = append(p.draft.NotCaptured, "disks: no volume was found that the instance left")
	}
	p.denyRole()
	if p.profile == "" {
		p.warn("AWS no longer says which role the instance had: if the finding names one, answer that role as well")
	}
	p.warn(p.doubts...)
	p.draft.NotCaptured = append(p.draft.NotCaptured, "memory, instance-store volumes and the volumes that were deleted with the instance")
	p.draft.Survives = append(p.draft.Survives, "whatever else the intruder holds: keys and sessions that this instance's role did not issue, other instances, data already taken")
	return p.draft, nil
}

// launchWindow is how far a volume's creation may be from the instance's launch to count as made with it.
const launchWindow = 2 * time.Minute

// leftVolumes looks for volumes that were the instance's. AWS keeps no history of attachments, so these are the
// unattached ones that a tag ties to it, or that were made in its zone when it was launched.
func (p *ec2Plan) leftVolumes(ctx context.Context) ([]ec2types.Volume, error) {
	free, err := p.volumesWith(ctx, filter("status", "available"))
	if err != nil {
		return nil, err
	}
	var left []ec2types.Volume
	for _, v := range free {
		if p.tiedByTag(v) || p.madeAtLaunch(v) {
			left = append(left, v)
		}
	}
	return left, nil
}

func (p *ec2Plan) tiedByTag(v ec2types.Volume) bool {
	for _, t := range v.Tags {
		if strings.Contains(aws.ToString(t.Value), p.id) {
			return true
		}
	}
	return false
}

func (p *ec2Plan) madeAtLaunch(v ec2types.Volume) bool {
	if p.instance.LaunchTime == nil || v.CreateTime == nil || p.instance.Placement == nil {
		return false
	}
	apart := v.CreateTime.Sub(*p.instance.LaunchTime).Abs()
	return apart <= launchWindow && aws.ToString(v.AvailabilityZone) == aws.ToString(p.instance.Placement.AvailabilityZone)
}
