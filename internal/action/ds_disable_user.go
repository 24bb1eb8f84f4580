package action

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/directoryservice"
	"github.com/aws/aws-sdk-go-v2/service/directoryservicedata"

	"cordon/internal/casefile"
)

// directoryStatus tells whether a directory's user is enabled.
type directoryStatus struct {
	Enabled bool `json:"enabled"`
}

// DisableDirectoryUser disables a user of an AWS Managed Microsoft AD, through Directory Service Data. The one way to
// enable it again is a new password
// (docs.aws.amazon.com/directoryservicedata/latest/DirectoryServiceDataAPIReference/API_DisableUser.html).
var DisableDirectoryUser = define(Spec[directoryStatus]{
	Name:       "ds-disable-user",
	Summary:    "Disable the user in the directory. It can sign in nowhere that asks the directory.",
	Phase:      casefile.Contain,
	Target:     casefile.DirectoryUser,
	Reads:      Ops{op((*directoryservicedata.Client).DescribeUser)},
	Writes:     Ops{op((*directoryservicedata.Client).DisableUser)},
	UndoWrites: Ops{op((*directoryservice.Client).ResetUserPassword)},
	Observe: func(ctx context.Context, c *AWS, t Target) (directoryStatus, error) {
		at, directory, name, err := c.directoryUser(t)
		if err != nil {
			return directoryStatus{}, err
		}
		out, err := at.DirectoryData.DescribeUser(ctx, &directoryservicedata.DescribeUserInput{DirectoryId: directory, SAMAccountName: name})
		if hasCode(err, "ResourceNotFoundException") {
			return directoryStatus{}, fmt.Errorf("directory user %s: %w", t.ID, ErrGone)
		}
		if err != nil {
			return directoryStatus{}, fmt.Errorf("look at directory user %s (Directory Service Data has to be enabled for the directory): %w", t.ID, err)
		}
		if out.Enabled == nil {
			return directoryStatus{}, fmt.Errorf("look at directory user %s: AWS does not say whether it is enabled", t.ID)
		}
		return directoryStatus{*out.Enabled}, nil
	},
	Status: func(_ Target, now directoryStatus) Status {
		if !now.Enabled {
			return Done
		}
		return Todo
	},
	Apply: func(ctx context.Context, c *AWS, t Target, _ directoryStatus) error {
		at, directory, name, err := c.directoryUser(t)
		if err != nil {
			return err
		}
		_, err = at.DirectoryData.DisableUser(ctx, &directoryservicedata.DisableUserInput{DirectoryId: directory, SAMAccountName: name})
		if hasCode(err, "ResourceNotFoundException") {
			return fmt.Errorf("disable directory user %s: it %w", t.ID, ErrGone)
		}
		if err != nil {
			return fmt.Errorf("disable directory user %s: %w", t.ID, err)
		}
		return nil
	},
	Undo: func(ctx context.Context, c *AWS, t Target, before, now directoryStatus) error {
		if before == now {
			return nil
		}
		at, directory, name, err := c.directoryUser(t)
		if err != nil {
			return err
		}
		// Nobody is told this password: it enables the user, and whoever is answerable for them sets another.
		password := "Aa1-" + rand.Text()
		_, err = at.Directory.ResetUserPassword(ctx, &directoryservice.ResetUserPasswordInput{DirectoryId: directory, UserName: name, NewPassword: aws.String(password)})
		if hasCode(err, "UserDoesNotExistException", "EntityDoesNotExistException") {
			return fmt.Errorf("enable directory user %s by a new password: the user or the directory %w", t.ID, ErrGone)
		}
		if err != nil {
			return fmt.Errorf("enable directory user %s by a new password: %w", t.ID, err)
		}
		return nil
	},
	Change: func(_ Target, now directoryStatus) string {
		if !now.Enabled {
			return "disabled already"
		}
		return "enabled -> disabled"
	},
	Partly: "a directory's user is enabled again by a new password alone: it gets a random one that nobody knows, and has to be given another",
})

// directoryUser takes a target's id apart, and gives the connection to the account that has the directory: the member
// account, or the one that has Identity Center.
func (c *AWS) directoryUser(t Target) (at *AWS, directory, name *string, err error) {
	d, n, ok := strings.Cut(t.ID, "/")
	if !ok || d == "" || n == "" {
		return nil, nil, nil, fmt.Errorf("%q names no user of a directory", t.ID)
	}
	switch {
	case t.Account == c.Account:
		at = c
	case c.Management != nil && t.Account == c.Management.Account:
		at = c.Management.In(c.Region)
	default:
		return nil, nil, nil, fmt.Errorf("directory %s is in account %s, and no credentials for that were given: name them with --management-profile", d, t.Account)
	}
	return at, aws.String(d), aws.String(n), nil
}
