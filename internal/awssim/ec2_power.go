package awssim

import (
	"encoding/base64"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// instancesToChange gives the instances a power call names; one that is wrong
// refuses them all.
func (r *Request) instancesToChange(ids []string, check func(*Instance) error) ([]*Instance, error) {
	if len(ids) == 0 {
		return nil, fail("MissingParameter", "The request must contain the parameter InstanceId")
	}
	var found []*Instance
	for _, id := range ids {
		i, err := find(r, instanceKind, r.Region.Instances, aws.String(id))
		if err != nil {
			return nil, err
		}
		if i.State == "terminated" || i.State == "shutting-down" {
			return nil, fail("IncorrectInstanceState", "The instance '%s' is in state '%s', from which it cannot be started or stopped.", id, i.State)
		}
		if err := check(i); err != nil {
			return nil, err
		}
		found = append(found, i)
	}
	return found, nil
}

func stateChange(i *Instance, previous string) ec2types.InstanceStateChange {
	return ec2types.InstanceStateChange{InstanceId: aws.String(i.ID), PreviousState: instanceState(previous), CurrentState: instanceState(i.State)}
}

// stopInstances stops; stopping a stopped instance changes nothing. A stop
// loses what is in memory and on instance-store volumes, and gives the public
// address that AWS assigned back to its pool; private and Elastic addresses
// stay (docs.aws.amazon.com/AWSEC2/latest/UserGuide/how-ec2-instance-stop-start-works.html).
func stopInstances(r *Request, in *ec2.StopInstancesInput) (*ec2.StopInstancesOutput, error) {
	if aws.ToBool(in.Hibernate) {
		return nil, fail("UnsupportedHibernationConfiguration", "The instance is not configured for hibernation.")
	}
	found, err := r.instancesToChange(in.InstanceIds, func(i *Instance) error {
		if i.StopProtection {
			return fail("OperationNotPermitted", "The instance '%s' may not be stopped. Modify its 'disableApiStop' instance attribute and try again.", i.ID)
		}
		if i.Spot && !i.SpotPersistent {
			return fail("UnsupportedOperation", "You can't stop the Spot Instance '%s' because it is associated with a one-time Spot Instance request. You can only stop Spot Instances associated with persistent Spot Instance requests.", i.ID)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := &ec2.StopInstancesOutput{}
	for _, i := range found {
		previous := i.State
		if previous != "stopped" && previous != "stopping" {
			r.stop(i)
		}
		out.StoppingInstances = append(out.StoppingInstances, stateChange(i, previous))
	}
	return out, nil
}

func (r *Request) stop(i *Instance) {
	touch(r, r.Region.Instances, i.ID)
	i.State, i.StateReason = "stopping", "Client.UserInitiatedShutdown"
	region := r.Region
	r.later("instance-stop", 20*time.Second, func(time.Time) {
		if i.State != "stopping" {
			return
		}
		i.State = "stopped"
		i.InstanceStoreLost = i.InstanceStoreLost || len(i.EphemeralDevices) > 0
		for _, n := range region.NetworkInterfaces {
			if n.instance() == i.ID {
				n.AutoPublicIP = ""
			}
		}
	})
}

// startInstances starts what is stopped. The primary interface gets a new
// public address where it had been given one, unless there is an Elastic IP or
// a second interface
// (docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-instance-addressing.html).
func startInstances(r *Request, in *ec2.StartInstancesInput) (*ec2.StartInstancesOutput, error) {
	found, err := r.instancesToChange(in.InstanceIds, func(i *Instance) error {
		if i.State == "stopping" {
			return fail("IncorrectInstanceState", "The instance '%s' is not in a state from which it can be started.", i.ID)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := &ec2.StartInstancesOutput{}
	for _, i := range found {
		previous := i.State
		if previous == "stopped" {
			r.start(i)
		}
		out.StartingInstances = append(out.StartingInstances, stateChange(i, previous))
	}
	return out, nil
}

func (r *Request) start(i *Instance) {
	touch(r, r.Region.Instances, i.ID)
	i.State, i.StateReason, i.Launched = "pending", "", r.Now.UTC()
	if own := r.interfacesOf(i.ID); len(own) == 1 && own[0].AssignPublicIP && len(r.publicAddresses(own[0])) == 0 {
		touch(r, r.Region.NetworkInterfaces, own[0].ID)
		own[0].AutoPublicIP = r.World.publicIP()
	}
	r.later("instance-start", 20*time.Second, func(time.Time) {
		if i.State == "pending" {
			i.State = "running"
		}
	})
}

// getConsoleOutput gives the last 64 KB that AWS has kept. The latest output is
// for Nitro instances alone (API_GetConsoleOutput).
func getConsoleOutput(r *Request, in *ec2.GetConsoleOutputInput) (*ec2.GetConsoleOutputOutput, error) {
	i, err := see(r, instanceKind, r.Region.Instances, in.InstanceId)
	if err != nil {
		return nil, err
	}
	if aws.ToBool(in.Latest) && !isNitro(i.Type) {
		return nil, fail("UnsupportedOperation", "This instance type does not support retrieving the latest console logs.")
	}
	console := i.Console
	if len(console) > 64<<10 {
		console = console[len(console)-64<<10:]
	}
	return &ec2.GetConsoleOutputOutput{
		InstanceId: aws.String(i.ID), Timestamp: aws.Time(r.Now.UTC()), Output: opt(base64.StdEncoding.EncodeToString([]byte(console))),
	}, nil
}

// getConsoleScreenshot needs a running instance (API_GetConsoleScreenshot).
func getConsoleScreenshot(r *Request, in *ec2.GetConsoleScreenshotInput) (*ec2.GetConsoleScreenshotOutput, error) {
	i, err := see(r, instanceKind, r.Region.Instances, in.InstanceId)
	if err != nil {
		return nil, err
	}
	if i.State != "running" {
		return nil, fail("IncorrectInstanceState", "The instance '%s' is not in the 'running' state.", i.ID)
	}
	picture := i.Screenshot
	if picture == nil {
		picture = []byte{0xff, 0xd8, 0xff, 0xd9} // the shortest thing that begins and ends as a JPEG
	}
	return &ec2.GetConsoleScreenshotOutput{InstanceId: aws.String(i.ID), ImageData: aws.String(base64.StdEncoding.EncodeToString(picture))}, nil
}

func getSerialConsoleAccessStatus(r *Request, _ *ec2.GetSerialConsoleAccessStatusInput) (*ec2.GetSerialConsoleAccessStatusOutput, error) {
	return &ec2.GetSerialConsoleAccessStatusOutput{
		SerialConsoleAccessEnabled: aws.Bool(r.Region.SerialConsole), ManagedBy: ec2types.ManagedByAccount,
	}, nil
}
