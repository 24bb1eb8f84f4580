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
	Directory string
	Name      string
	Disabled  bool
	Passwords int `json:"-"` // how often one was set
}

// AddDirectoryUser puts a user into a directory of a region.
func (w *World) AddDirectoryUser(region string, u DirectoryUser) {
	w.Do(func(a *Account) { a.Region(region).Directory[u.Directory+"/"+u.Name] = &u })
}

func directoryHandlers() []handler {
	return []handler{read(directoryDescribeUser), write(directoryDisableUser), write(directoryResetPassword)}
}

func noDirectoryUser() error {
	return modelled(404, &types.ResourceNotFoundException{Message: aws.String("The user was not found in the directory.")})
}

// https://docs.aws.amazon.com/directoryservicedata/latest/DirectoryServiceDataAPIReference/API_DescribeUser.html
func directoryDescribeUser(r *Request, in *directoryservicedata.DescribeUserInput) (*directoryservicedata.DescribeUserOutput, error) {
	u, ok := look(r, r.Region.Directory, aws.ToString(in.DirectoryId)+"/"+aws.ToString(in.SAMAccountName))
	if !ok {
		return nil, noDirectoryUser()
	}
	return &directoryservicedata.DescribeUserOutput{DirectoryId: in.DirectoryId, SAMAccountName: in.SAMAccountName, Enabled: aws.Bool(!u.Disabled)}, nil
}

// https://docs.aws.amazon.com/directoryservicedata/latest/DirectoryServiceDataAPIReference/API_DisableUser.html
func directoryDisableUser(r *Request, in *directoryservicedata.DisableUserInput) (*directoryservicedata.DisableUserOutput, error) {
	key := aws.ToString(in.DirectoryId) + "/" + aws.ToString(in.SAMAccountName)
	u, ok := r.Region.Directory[key]
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
	key := aws.ToString(in.DirectoryId) + "/" + aws.ToString(in.UserName)
	u, ok := r.Region.Directory[key]
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
