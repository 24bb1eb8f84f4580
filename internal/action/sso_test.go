package action

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/identitystore"
)

func TestAStatusThatIsNotSaidIsNoneToPutBack(t *testing.T) {
	s := &script{answers: map[string]any{"DescribeUser": &identitystore.DescribeUserOutput{}}}
	c := s.connect(t)
	c.Management = s.connect(t)
	ctx := Allow(t.Context(), DisableSSOUser.Reads, nil, nil)
	if now, err := DisableSSOUser.Observe(ctx, c, Target{Target: theUser}); err == nil || !strings.Contains(err.Error(), "by hand") {
		t.Errorf("state %s, error %v", now, err)
	}
}
