package action

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"cordon/internal/casefile"
)

// attachedVolume is a volume on an instance and whether it dies with it.
type attachedVolume struct {
	Device string `json:"device"`
	Volume string `json:"volume"`
	Delete bool   `json:"delete"`
}

type attachedVolumes struct {
	Volumes []attachedVolume `json:"volumes"`
}

// KeepVolumes makes the volumes outlive the instance. AWS deletes those whose flag is set when the instance is
// terminated, the root volume by default
// (docs.aws.amazon.com/AWSEC2/latest/UserGuide/preserving-volumes-on-termination.html).
var KeepVolumes = define(Spec[attachedVolumes]{
	Name:       "ec2-keep-volumes",
	Summary:    "Turn DeleteOnTermination off for every volume, so that no volume goes with the instance.",
	Phase:      casefile.Preserve,
	Target:     casefile.EC2Instance,
	Reads:      Ops{op((*ec2.Client).DescribeInstances)},
	Writes:     Ops{op((*ec2.Client).ModifyInstanceAttribute)},
	UndoWrites: Ops{op((*ec2.Client).ModifyInstanceAttribute)},
	Observe: func(ctx context.Context, c *AWS, t Target) (attachedVolumes, error) {
		i, err := readInstance(ctx, c, t.ID)
		if err != nil {
			return attachedVolumes{}, err
		}
		return attachedVolumes{volumesOf(i)}, nil
	},
	Status: func(_ Target, now attachedVolumes) Status {
		if slices.ContainsFunc(now.Volumes, func(v attachedVolume) bool { return v.Delete }) {
			return Todo
		}
		return Done
	},
	Apply: func(ctx context.Context, c *AWS, t Target, now attachedVolumes) error {
		return setDeletion(ctx, c, t.ID, deleted(now.Volumes), false)
	},
	Undo: func(ctx context.Context, c *AWS, t Target, before, _ attachedVolumes) error {
		return setDeletion(ctx, c, t.ID, deleted(before.Volumes), true)
	},
	Change: func(_ Target, now attachedVolumes) string {
		var ids []string
		for _, v := range deleted(now.Volumes) {
			ids = append(ids, v.Volume)
		}
		if len(ids) == 0 {
			return "every volume outlives the instance already"
		}
		return strings.Join(ids, ", ") + ": deleted with the instance -> kept"
	},
})

func volumesOf(i ec2types.Instance) []attachedVolume {
	volumes := []attachedVolume{}
	for _, m := range i.BlockDeviceMappings {
		if m.Ebs == nil {
			continue
		}
		volumes = append(volumes, attachedVolume{
			Device: aws.ToString(m.DeviceName), Volume: aws.ToString(m.Ebs.VolumeId), Delete: aws.ToBool(m.Ebs.DeleteOnTermination),
		})
	}
	slices.SortFunc(volumes, func(a, b attachedVolume) int { return cmp.Compare(a.Device, b.Device) })
	return volumes
}

func deleted(volumes []attachedVolume) []attachedVolume {
	var flagged []attachedVolume
	for _, v := range volumes {
		if v.Delete {
			flagged = append(flagged, v)
		}
	}
	return flagged
}

// setDeletion sets the flag of the given volumes in one call, so that no crash leaves half of them. Each
// volume is named beside its device: somebody may have put another one there meanwhile.
func setDeletion(ctx context.Context, c *AWS, id string, volumes []attachedVolume, deletes bool) error {
	if len(volumes) == 0 {
		return nil
	}
	var mappings []ec2types.InstanceBlockDeviceMappingSpecification
	for _, v := range volumes {
		mappings = append(mappings, ec2types.InstanceBlockDeviceMappingSpecification{
			DeviceName: aws.String(v.Device),
			Ebs:        &ec2types.EbsInstanceBlockDeviceSpecification{VolumeId: aws.String(v.Volume), DeleteOnTermination: aws.Bool(deletes)},
		})
	}
	_, err := c.EC2.ModifyInstanceAttribute(ctx, &ec2.ModifyInstanceAttributeInput{InstanceId: aws.String(id), BlockDeviceMappings: mappings})
	if err != nil {
		return fmt.Errorf("set whether %s of %s die with it: %w", plural(len(volumes), "volume"), id, err)
	}
	return nil
}
