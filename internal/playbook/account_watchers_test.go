package playbook

import (
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	cttypes "github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"

	"cordon/internal/awssim"
)

// What records and does not arrive, or leaves out what matters, is as good as off, and cannot be seen by asking whether
// it is on.
func TestTrailsThatAreOnAndBlind(t *testing.T) {
	for want, change := range map[string]func(*awssim.Trail){
		"could not deliver its files to bucket log-archive-example when it last tried (AccessDenied)":            func(t *awssim.Trail) { t.Undelivered = "AccessDenied" },
		"trail/untouched could not tell its SNS topic of new files when it last tried (AuthorizationError)":      func(t *awssim.Trail) { t.Unannounced = "AuthorizationError" },
		"trail/untouched records no management events":                                                           func(t *awssim.Trail) { t.NoManagement = true },
		"trail/untouched does not record, and is the organisation's: it is started from the account that has it": func(t *awssim.Trail) { t.Logging, t.Organization, t.Owner = false, true, "999988887777" },
	} {
		synctest.Test(t, func(t *testing.T) {
			d := draftIn(t, "account-takeover", func(w *awssim.World) {
				w.Do(func(a *awssim.Account) {
					for arn, trail := range a.Region("eu-central-1").CloudTrail.Trails {
						change(trail)
						if trail.Owner != a.ID {
							delete(a.Region("eu-central-1").CloudTrail.Trails, arn)
							trail.ARN = "arn:aws:cloudtrail:eu-central-1:" + trail.Owner + ":trail/untouched"
							a.Region("eu-central-1").CloudTrail.Trails[trail.ARN] = trail
						}
					}
				})
			}, Options{})
			if !said(d.Warnings, want) {
				t.Errorf("not said: %s\n%q", want, d.Warnings)
			}
			if n := actionsOf(d)["cloudtrail-start-logging"]; n != 2 {
				t.Errorf("%d trails are started, want the account's own two", n)
			}
		})
	}
}

// A trail of every region that is started again covers them all; without it each region that has no trail is named, and
// where one could not be looked at, none is.
func TestRegionsThatNoTrailRecords(t *testing.T) {
	const want = "no trail records management events of "
	without := func(w *awssim.World) {
		w.Do(func(a *awssim.Account) {
			for _, r := range a.Regions {
				for _, trail := range r.CloudTrail.Trails {
					trail.MultiRegion = false
				}
			}
		})
	}
	unread := func(w *awssim.World) {
		without(w)
		w.SetHook(func(c awssim.Call) awssim.Fault {
			if c.Operation == "GetEventSelectors" {
				return awssim.Fault{Before: awssim.AccessDenied("GetEventSelectors")}
			}
			return awssim.Fault{}
		})
	}
	for name, c := range map[string]struct {
		change func(*awssim.World)
		said   bool
	}{"one of every region": {nil, false}, "of three regions": {without, true}, "unread": {unread, false}} {
		synctest.Test(t, func(t *testing.T) {
			d := draftIn(t, "account-takeover", c.change, Options{})
			if said(d.Warnings, want) != c.said {
				t.Errorf("%s: %q", name, d.Warnings)
			}
			if said(d.Warnings, want+"eu-central-1") || said(d.Warnings, ", eu-west-1:") {
				t.Errorf("%s: a region with a trail is named: %q", name, d.Warnings)
			}
		})
	}
}

func TestSelectorsLeaveOut(t *testing.T) {
	basic := func(management bool, kind cttypes.ReadWriteType) *cloudtrail.GetEventSelectorsOutput {
		return &cloudtrail.GetEventSelectorsOutput{EventSelectors: []cttypes.EventSelector{{IncludeManagementEvents: aws.Bool(management), ReadWriteType: kind}}}
	}
	field := func(name string, equals ...string) cttypes.AdvancedFieldSelector {
		return cttypes.AdvancedFieldSelector{Field: aws.String(name), Equals: equals}
	}
	advanced := func(fields ...cttypes.AdvancedFieldSelector) *cloudtrail.GetEventSelectorsOutput {
		return &cloudtrail.GetEventSelectorsOutput{AdvancedEventSelectors: []cttypes.AdvancedEventSelector{{FieldSelectors: fields}}}
	}
	const none = "no management events"
	for _, c := range []struct {
		out  *cloudtrail.GetEventSelectorsOutput
		want string
	}{
		{basic(true, cttypes.ReadWriteTypeAll), ""},
		{basic(true, ""), ""},
		{basic(false, cttypes.ReadWriteTypeAll), none},
		{basic(true, cttypes.ReadWriteTypeReadOnly), "of the management events those of type ReadOnly alone"},
		{&cloudtrail.GetEventSelectorsOutput{}, none},
		{advanced(field("eventCategory", "Management")), ""},
		{advanced(field("eventCategory", "Data"), field("resources.type", "AWS::S3::Object")), none},
		{advanced(field("eventCategory", "Management"), field("readOnly", "true")), "a selection of the management events"},
	} {
		if got := leftOut(c.out); got != c.want {
			t.Errorf("%+v: %q, want %q", c.out, got, c.want)
		}
	}
}

// A detector that another account administers gets no step that AWS would refuse: the plan says who enables it. One whose
// administrator is one no longer, or could not be asked for, is enabled.
func TestDetectorOfAnAdministrator(t *testing.T) {
	const who = "NOT ENABLED: GuardDuty does not look in us-east-1, and no step of this plan makes it: account 777766665555 administers detector d000000000000000000000000000us01"
	for name, c := range map[string]struct {
		change  func(*awssim.World, *awssim.Detector)
		steps   int
		warning string
	}{
		"administered": {func(_ *awssim.World, d *awssim.Detector) { d.Admin = "777766665555" }, 0, who},
		"resigned":     {func(_ *awssim.World, d *awssim.Detector) { d.Admin, d.Relationship = "777766665555", "Resigned" }, 1, ""},
		"unread": {func(w *awssim.World, _ *awssim.Detector) {
			w.SetHook(func(c awssim.Call) awssim.Fault {
				if c.Operation == "GetAdministratorAccount" {
					return awssim.Fault{Before: awssim.AccessDenied(c.Operation)}
				}
				return awssim.Fault{}
			})
		}, 1, "so that the step that enables it may be refused, could not be read: "},
	} {
		synctest.Test(t, func(t *testing.T) {
			d := draftIn(t, "account-takeover", func(w *awssim.World) {
				var detector *awssim.Detector
				w.Do(func(a *awssim.Account) {
					for _, x := range a.Region("us-east-1").GuardDuty.Detectors {
						detector = x
					}
				})
				c.change(w, detector)
			}, Options{})
			if n := actionsOf(d)["guardduty-enable-detector"]; n != c.steps {
				t.Errorf("%s: %d steps", name, n)
			}
			if said(d.Warnings, "NOT ENABLED") != (c.steps == 0) || c.warning != "" && !said(d.Warnings, c.warning) {
				t.Errorf("%s: %q", name, d.Warnings)
			}
		})
	}
}

// A trail whose home region is not enabled here is seen in others alone: whether it records cannot be asked, so that no
// region is called unrecorded.
func TestTrailWhoseHomeIsNotEnabled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := draftIn(t, "account-takeover", func(w *awssim.World) {
			w.Do(func(a *awssim.Account) {
				for _, r := range a.Regions {
					for _, trail := range r.CloudTrail.Trails {
						trail.MultiRegion = false
					}
				}
			})
			w.AddTrail(awssim.Trail{Name: "all", Home: "af-south-1", MultiRegion: true, Organization: true, Owner: "999988887777", Logging: true})
		}, Options{})
		if !said(d.Warnings, "whether trail arn:aws:cloudtrail:af-south-1:999988887777:trail/all records, and what, could not be read: its home region af-south-1 is not enabled here") {
			t.Errorf("not said: %q", d.Warnings)
		}
		if said(d.Warnings, "no trail records management events of") {
			t.Errorf("called unrecorded: %q", d.Warnings)
		}
	})
}
