package awssim

import (
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// SAMLProvider is a SAML identity provider, by ARN.
type SAMLProvider struct {
	ARN      string
	Metadata string
	Created  time.Time
	Tags     map[string]string
}

// OIDCProvider is an OpenID Connect identity provider, by ARN. Clients are the
// audiences that its tokens may have.
type OIDCProvider struct {
	ARN         string
	URL         string // without https://
	Clients     []string
	Thumbprints []string
	Created     time.Time
	Tags        map[string]string
}

func iamProviderHandlers() []handler {
	return []handler{
		read(iamListSAMLProviders),
		read(iamGetSAMLProvider),
		write(iamUpdateSAMLProvider),
		read(iamListOpenIDConnectProviders),
		read(iamGetOpenIDConnectProvider),
		write(iamAddClientID),
		write(iamRemoveClientID),
	}
}

// AddSAMLProvider puts a SAML provider in place and gives its ARN.
func (w *World) AddSAMLProvider(name, metadata string) string {
	var arn string
	w.Do(func(a *Account) {
		arn = a.globalARN("iam", "saml-provider/"+name)
		a.IAM.SAMLProviders[arn] = &SAMLProvider{ARN: arn, Metadata: metadata, Created: w.options.Now().Add(-365 * 24 * time.Hour)}
	})
	return arn
}

// AddOIDCProvider puts an OpenID Connect provider in place and gives its ARN.
func (w *World) AddOIDCProvider(url string, clients ...string) string {
	var arn string
	w.Do(func(a *Account) {
		arn = a.globalARN("iam", "oidc-provider/"+url)
		a.IAM.OIDCProviders[arn] = &OIDCProvider{
			ARN: arn, URL: url, Clients: slices.Clone(clients), Thumbprints: []string{strings.Repeat("0f", 20)}, Created: w.options.Now().Add(-365 * 24 * time.Hour),
		}
	})
	return arn
}

// Neither list is paginated.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListSAMLProviders.html
func iamListSAMLProviders(r *Request, _ *iam.ListSAMLProvidersInput) (*iam.ListSAMLProvidersOutput, error) {
	out := &iam.ListSAMLProvidersOutput{}
	all := view(r, r.Account.IAM.SAMLProviders)
	for _, arn := range sortedKeys(all) {
		out.SAMLProviderList = append(out.SAMLProviderList, types.SAMLProviderListEntry{Arn: aws.String(arn), CreateDate: aws.Time(all[arn].Created)})
	}
	return out, nil
}

// https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetSAMLProvider.html
func iamGetSAMLProvider(r *Request, in *iam.GetSAMLProviderInput) (*iam.GetSAMLProviderOutput, error) {
	p, ok := look(r, r.Account.IAM.SAMLProviders, aws.ToString(in.SAMLProviderArn))
	if !ok {
		return nil, noSuchEntity("Manifest not found for arn %s", aws.ToString(in.SAMLProviderArn))
	}
	return &iam.GetSAMLProviderOutput{SAMLMetadataDocument: aws.String(p.Metadata), CreateDate: aws.Time(p.Created), Tags: iamTags(p.Tags)}, nil
}

// The document has 1,000 to 10,000,000 characters and names its issuer.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateSAMLProvider.html
func iamUpdateSAMLProvider(r *Request, in *iam.UpdateSAMLProviderInput) (*iam.UpdateSAMLProviderOutput, error) {
	arn, metadata := aws.ToString(in.SAMLProviderArn), aws.ToString(in.SAMLMetadataDocument)
	p, ok := r.Account.IAM.SAMLProviders[arn]
	if !ok {
		r.missing(arn)
		return nil, noSuchEntity("Manifest not found for arn %s", arn)
	}
	if in.SAMLMetadataDocument == nil {
		return &iam.UpdateSAMLProviderOutput{SAMLProviderArn: aws.String(arn)}, nil
	}
	if len(metadata) < 1000 || len(metadata) > 10_000_000 || !strings.Contains(metadata, "entityID=") || !strings.Contains(metadata, "X509Certificate>") {
		return nil, modelled(400, &types.InvalidInputException{Message: aws.String("Could not parse metadata")})
	}
	touch(r, r.Account.IAM.SAMLProviders, arn)
	p.Metadata = metadata
	return &iam.UpdateSAMLProviderOutput{SAMLProviderArn: aws.String(arn)}, nil
}

// https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListOpenIDConnectProviders.html
func iamListOpenIDConnectProviders(r *Request, _ *iam.ListOpenIDConnectProvidersInput) (*iam.ListOpenIDConnectProvidersOutput, error) {
	out := &iam.ListOpenIDConnectProvidersOutput{}
	for _, arn := range sortedKeys(view(r, r.Account.IAM.OIDCProviders)) {
		out.OpenIDConnectProviderList = append(out.OpenIDConnectProviderList, types.OpenIDConnectProviderListEntry{Arn: aws.String(arn)})
	}
	return out, nil
}

// https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetOpenIDConnectProvider.html
func iamGetOpenIDConnectProvider(r *Request, in *iam.GetOpenIDConnectProviderInput) (*iam.GetOpenIDConnectProviderOutput, error) {
	p, ok := look(r, r.Account.IAM.OIDCProviders, aws.ToString(in.OpenIDConnectProviderArn))
	if !ok {
		return nil, noSuchEntity("OpenIDConnect Provider not found for arn %s", aws.ToString(in.OpenIDConnectProviderArn))
	}
	return &iam.GetOpenIDConnectProviderOutput{
		Url: aws.String(p.URL), ClientIDList: slices.Clone(p.Clients), ThumbprintList: slices.Clone(p.Thumbprints), CreateDate: aws.Time(p.Created), Tags: iamTags(p.Tags),
	}, nil
}

func writableOIDC(r *Request, arn *string) (*OIDCProvider, error) {
	p, ok := r.Account.IAM.OIDCProviders[aws.ToString(arn)]
	if !ok {
		r.missing(aws.ToString(arn))
		return nil, noSuchEntity("OpenIDConnect Provider not found for arn %s", aws.ToString(arn))
	}
	return p, nil
}

// Adding one that is there, like removing one that is not, is no error.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_AddClientIDToOpenIDConnectProvider.html
func iamAddClientID(r *Request, in *iam.AddClientIDToOpenIDConnectProviderInput) (*iam.AddClientIDToOpenIDConnectProviderOutput, error) {
	p, err := writableOIDC(r, in.OpenIDConnectProviderArn)
	if err != nil {
		return nil, err
	}
	id := aws.ToString(in.ClientID)
	if slices.Contains(p.Clients, id) {
		return &iam.AddClientIDToOpenIDConnectProviderOutput{}, nil
	}
	if len(p.Clients) >= 100 { // API_CreateOpenIDConnectProvider: "up to 100 client IDs"
		return nil, modelled(409, &types.LimitExceededException{Message: aws.String("Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: 100")})
	}
	touch(r, r.Account.IAM.OIDCProviders, p.ARN)
	p.Clients = append(slices.Clone(p.Clients), id)
	return &iam.AddClientIDToOpenIDConnectProviderOutput{}, nil
}

func iamRemoveClientID(r *Request, in *iam.RemoveClientIDFromOpenIDConnectProviderInput) (*iam.RemoveClientIDFromOpenIDConnectProviderOutput, error) {
	p, err := writableOIDC(r, in.OpenIDConnectProviderArn)
	if err != nil {
		return nil, err
	}
	touch(r, r.Account.IAM.OIDCProviders, p.ARN)
	p.Clients = slices.DeleteFunc(slices.Clone(p.Clients), func(id string) bool { return id == aws.ToString(in.ClientID) })
	return &iam.RemoveClientIDFromOpenIDConnectProviderOutput{}, nil
}
