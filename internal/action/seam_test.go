package action

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// The clients of a region are made once; who the caller is, is told by whoever asks for them.
func TestClientsOfARegionAreMadeOnce(t *testing.T) {
	c := Connect(aws.Config{Region: "eu-west-1"})
	early := c.In("us-east-1")
	c.Account, c.Caller, c.Management = "111122223333", "arn:aws:iam::111122223333:user/ann", Connect(aws.Config{})
	late := c.In("us-east-1")
	if early.EC2 != late.EC2 || late.In("us-east-1") != late || c.In("eu-west-1") != c || c.In("") != c {
		t.Error("a region's clients were made twice")
	}
	if late.EC2 == c.EC2 || late.Region != "us-east-1" || late.In("ap-south-1").Region != "ap-south-1" {
		t.Errorf("the clients of us-east-1 are those of another region: %s", late.Region)
	}
	if late.Account != c.Account || late.Caller != c.Caller || late.Management != c.Management || early.Account != "" {
		t.Errorf("the caller in another region is %s of %s", late.Caller, late.Account)
	}
}

// What calls wait for their turn is counted once, however many wait side by side, and while they still do.
func TestRecorderCountsTheWaitForItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := &Recorder{}
		wait := func(d time.Duration) { _ = rec.inTurn(func() error { time.Sleep(d); return nil }) }
		var all sync.WaitGroup
		for _, d := range []time.Duration{time.Second, 3 * time.Second, 2 * time.Second} {
			all.Go(func() { wait(d) })
		}
		time.Sleep(1500 * time.Millisecond)
		if got := rec.Waited(); got != 1500*time.Millisecond {
			t.Errorf("%s while they wait", got)
		}
		all.Wait()
		time.Sleep(time.Minute)
		wait(time.Second)
		if got := rec.Waited(); got != 4*time.Second {
			t.Errorf("%s, not 4 s", got)
		}
		var none *Recorder
		if err := none.inTurn(func() error { return context.Canceled }); err != context.Canceled {
			t.Error(err)
		}
	})
}
