package awssim

import (
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/directoryservice"
	dstypes "github.com/aws/aws-sdk-go-v2/service/directoryservice/types"
	"github.com/aws/aws-sdk-go-v2/service/directoryservicedata"
	"github.com/aws/aws-sdk-go-v2/service/directoryservicedata/types"
)

// DirectoryUser is a user of an AWS Managed Microsoft AD.
type DirectoryUser struct {
	Owner     string `json:"-"` // the account that has the directory; "" is the world's own
	Directory string
	Name      string
	Disabled  bool
	Passwords int `json:"-"` // how often one was set
}

// AddDirectoryUser puts a user into a directory of a region.
func (w *World) AddDirectoryUser(region string, u DirectoryUser) {
	w.Do(func(a *Account) {
		if u.Owner == "" {
			u.Owner = a.ID
		}
		a.Region(region).Directory[u.Directory+"/"+u.Name] = &u
	})
}

func directoryHandlers() []handler {
	return []handler{read(directoryDescribe), read(directoryDescribeUser), write(directoryDisableUser), write(directoryResetPassword)}
}

func noDirectoryUser() error {
	return modelled(404, &types.ResourceNotFoundException{Message: aws.String("The user was not found in the directory.")})
}

// directoryUser finds a user for those whose account has the directory: to another it does not exist.
func (r *Request) directoryUser(directory, name *string) (*DirectoryUser, string, bool) {
	key := aws.ToString(directory) + "/" + aws.ToString(name)
	u, ok := r.Region.Directory[key]
	return u, key, ok && u.Owner == r.callerAccount()
}

// Directories are described to the account that has them. One that is named and not there is an error.
// https://docs.aws.amazon.com/directoryservice/latest/devguide/API_DescribeDirectories.html
func directoryDescribe(r *Request, in *directoryservice.DescribeDirectoriesInput) (*directoryservice.DescribeDirectoriesOutput, error) {
	there := map[string]bool{}
	for _, u := range r.Region.Directory {
		there[u.Directory] = there[u.Directory] || u.Owner == r.callerAccount()
	}
	out := &directoryservice.DescribeDirectoriesOutput{}
	for _, id := range in.DirectoryIds {
		if !there[id] {
			return nil, modelled(400, &dstypes.EntityDoesNotExistException{Message: aws.String("Directory " + id + " does not exist.")})
		}
		out.DirectoryDescriptions = append(out.DirectoryDescriptions, dstypes.DirectoryDescription{DirectoryId: aws.String(id), Type: dstypes.DirectoryTypeMicrosoftAd})
	}
	return out, nil
}

// https://docs.aws.amazon.com/directoryservicedata/latest/DirectoryServiceDataAPIReference/API_DescribeUser.html
func directoryDescribeUser(r *Request, in *directoryservicedata.DescribeUserInput) (*directoryservicedata.DescribeUserOutput, error) {
	u, ok := look(r, r.Region.Directory, aws.ToString(in.DirectoryId)+"/"+aws.ToString(in.SAMAccountName))
	if !ok || u.Owner != r.callerAccount() {
		return nil, noDirectoryUser()
	}
	return &directoryservicedata.DescribeUserOutput{DirectoryId: in.DirectoryId, SAMAccountName: in.SAMAccountName, Enabled: aws.Bool(!u.Disabled)}, nil
}

// https://docs.aws.amazon.com/directoryservicedata/latest/DirectoryServiceDataAPIReference/API_DisableUser.html
func directoryDisableUser(r *Request, in *directoryservicedata.DisableUserInput) (*directoryservicedata.DisableUserOutput, error) {
	u, key, ok := r.directoryUser(in.DirectoryId, in.SAMAccountName)
	if !ok {
		r.missing(key)
		return nil, noDirectoryUser()
	}
	touch(r, r.Region.Directory, key)
	u.Disabled = true
	return &directoryservicedata.DisableUserOutput{}, nil
}

// A new password enables the user again: there is no other way.
// https://docs.aws.amazon.com/directoryservice/latest/devguide/API_ResetUserPassword.html
func directoryResetPassword(r *Request, in *directoryservice.ResetUserPasswordInput) (*directoryservice.ResetUserPasswordOutput, error) {
	u, key, ok := r.directoryUser(in.DirectoryId, in.UserName)
	if !ok {
		r.missing(key)
		return nil, modelled(400, &dstypes.UserDoesNotExistException{Message: aws.String("The user does not exist.")})
	}
	if utf8.RuneCountInString(aws.ToString(in.NewPassword)) < 8 {
		return nil, modelled(400, &dstypes.InvalidPasswordException{Message: aws.String("The password does not meet the directory's requirements.")})
	}
	touch(r, r.Region.Directory, key)
	u.Disabled = false
	u.Passwords++
	return &directoryservice.ResetUserPasswordOutput{}, nil
}
