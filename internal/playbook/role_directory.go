package playbook

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/directoryservice"
	dstypes "github.com/aws/aws-sdk-go-v2/service/directoryservice/types"

	"cordon/internal/action"
	"cordon/internal/casefile"
)

// directoryUsers plans for the users of directories that the responder names, where each directory is found to be.
// Identity Center's is with it: in the management account or the one that administers it, in the same region
// (docs.aws.amazon.com/singlesignon/latest/userguide/connectawsad.html). One that is trusted by itself is in the account.
func (p *rolePlan) directoryUsers(ctx context.Context) {
	for _, user := range p.o.DirectoryUsers {
		directory, _, _ := strings.Cut(user, "/")
		at, why := p.directoryAt(ctx, directory)
		if why != "" {
			p.leave(fmt.Sprintf("directory user %s is not disabled: %s", user, why))
			continue
		}
		p.add(Step{Key: "directory-" + user, Action: action.DisableDirectoryUser,
			Target: casefile.Target{Kind: casefile.DirectoryUser, ID: user, Account: at.Account, Region: at.Region}})
	}
}

// directoryAt is the connection to the account and region that have a directory, or why its users cannot be disabled.
func (p *rolePlan) directoryAt(ctx context.Context, id string) (at *action.AWS, why string) {
	var sought, doubts []string
	look := func(c *action.AWS) bool {
		d, err := directory(ctx, c, id)
		where := fmt.Sprintf("account %s in %s", c.Account, c.Region)
		switch {
		case err != nil:
			doubts = append(doubts, fmt.Sprintf("%s could not be looked at for directory %s: %s", where, id, brief(err)))
			return false
		case d == nil:
			sought = append(sought, where)
			return false
		}
		at, why = c, unfit(d)
		return true
	}
	if p.c.Management == nil {
		doubts = append(doubts, "Identity Center's directory is looked for with the management account's credentials alone: give them with --management-profile")
	} else if s, err := p.center(ctx); err != nil {
		doubts = append(doubts, fmt.Sprintf("where Identity Center's directory would be is not known: %s", brief(err)))
	} else if look(s.c) {
		return at, why
	}
	if look(p.c) {
		return at, why
	}
	if len(sought) > 0 {
		doubts = append([]string{fmt.Sprintf("directory %s is not in %s", id, strings.Join(sought, ", nor in "))}, doubts...)
	}
	return nil, strings.Join(doubts, "; ") + ". Name the region with --region, or disable the user by hand in the directory"
}

// directory describes a directory, nil where the account has none of that id in the region.
func directory(ctx context.Context, c *action.AWS, id string) (*dstypes.DirectoryDescription, error) {
	out, err := c.Directory.DescribeDirectories(ctx, &directoryservice.DescribeDirectoriesInput{DirectoryIds: []string{id}})
	if action.Code(err) == "EntityDoesNotExistException" {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for i, d := range out.DirectoryDescriptions {
		if aws.ToString(d.DirectoryId) == id {
			return &out.DirectoryDescriptions[i], nil
		}
	}
	return nil, nil
}

// unfit says why Directory Service Data does not change a directory's users: it does those of an AWS Managed Microsoft AD,
// where that is (docs.aws.amazon.com/directoryservice/latest/admin-guide/ms_ad_manage_users_groups.html).
func unfit(d *dstypes.DirectoryDescription) string {
	switch {
	case d.Type == dstypes.DirectoryTypeSharedMicrosoftAd && d.OwnerDirectoryDescription != nil:
		return fmt.Sprintf("directory %s is shared by account %s, as %s there: disable the user there", aws.ToString(d.DirectoryId), aws.ToString(d.OwnerDirectoryDescription.AccountId), aws.ToString(d.OwnerDirectoryDescription.DirectoryId))
	case d.Type != dstypes.DirectoryTypeMicrosoftAd:
		return fmt.Sprintf("directory %s is of type %s, and AWS disables users of an AWS Managed Microsoft AD alone: disable the user by hand where it is kept", aws.ToString(d.DirectoryId), d.Type)
	}
	return ""
}
