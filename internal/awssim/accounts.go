package awssim

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/account"
	"github.com/aws/aws-sdk-go-v2/service/account/types"
)

// Contact is an alternate contact of the account.
type Contact struct{ Name, Email, Phone, Title string }

func accountHandlers() []handler {
	return []handler{
		read(getAlternateContact),
		read(getContactInformation),
	}
}

// An account without that contact answers ResourceNotFoundException.
// https://docs.aws.amazon.com/accounts/latest/reference/API_GetAlternateContact.html
func getAlternateContact(r *Request, in *account.GetAlternateContactInput) (*account.GetAlternateContactOutput, error) {
	c, ok := look(r, r.Account.Contacts, string(in.AlternateContactType))
	if !ok {
		return nil, modelled(404, &types.ResourceNotFoundException{Message: aws.String("No contact of the inputted alternate contact type found.")})
	}
	return &account.GetAlternateContactOutput{AlternateContact: &types.AlternateContact{
		AlternateContactType: in.AlternateContactType, Name: aws.String(c.Name), EmailAddress: aws.String(c.Email),
		PhoneNumber: aws.String(c.Phone), Title: aws.String(c.Title),
	}}, nil
}

// https://docs.aws.amazon.com/accounts/latest/reference/API_GetContactInformation.html
func getContactInformation(r *Request, _ *account.GetContactInformationInput) (*account.GetContactInformationOutput, error) {
	return &account.GetContactInformationOutput{ContactInformation: &types.ContactInformation{
		FullName: aws.String("Example Corp"), AddressLine1: aws.String("1 Example Way"), City: aws.String("Dublin"),
		CountryCode: aws.String("IE"), PostalCode: aws.String("D01"), PhoneNumber: aws.String("+353-1-555-0100"),
	}}, nil
}
