package action

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"cordon/internal/casefile"
)

// samlState is the provider's metadata, as it was uploaded.
type samlState struct {
	Metadata string `json:"metadata"`
}

// CutSAMLProvider replaces the metadata of a SAML provider by one that names the same issuer and another certificate,
// whose private key nobody has: no assertion is good any more, whoever holds the identity provider's key. What it
// signed in before stays in until it is revoked. IAM keeps no older version, so the old document is in the journal.
//
// A provider may be changed at an intruder's will, so a difference from the plan is no drift before the cut.
var CutSAMLProvider = define(Spec[samlState]{
	Name:       "iam-cut-saml-provider",
	Summary:    "Let nobody sign in through the SAML provider: its certificate is replaced by one whose key nobody has. Every role that trusts it is closed to it.",
	Phase:      casefile.Contain,
	Target:     casefile.SAMLProvider,
	Reads:      Ops{op((*iam.Client).GetSAMLProvider), op((*iam.Client).ListRoles)},
	Writes:     Ops{op((*iam.Client).UpdateSAMLProvider)},
	UndoWrites: Ops{op((*iam.Client).UpdateSAMLProvider)},
	Observe: func(ctx context.Context, c *AWS, t Target) (samlState, error) {
		out, err := c.IAM.GetSAMLProvider(ctx, &iam.GetSAMLProviderInput{SAMLProviderArn: aws.String(t.ID)})
		if hasCode(err, "NoSuchEntity") {
			return samlState{}, fmt.Errorf("SAML provider %s: %w", t.ID, ErrGone)
		}
		if err != nil {
			return samlState{}, fmt.Errorf("look at SAML provider %s: %w", t.ID, err)
		}
		return samlState{aws.ToString(out.SAMLMetadataDocument)}, nil
	},
	Status: func(_ Target, now samlState) Status {
		if cut(now.Metadata) {
			return Done
		}
		return Todo
	},
	Apply: func(ctx context.Context, c *AWS, t Target, now samlState) error {
		if strings.Contains(t.ID, ":saml-provider/AWSSSO_") {
			return fmt.Errorf("SAML provider %s belongs to IAM Identity Center, which puts it right again: act on the user or the assignment there", t.ID)
		}
		m, err := readMetadata(now.Metadata)
		if err != nil {
			return fmt.Errorf("read the metadata of SAML provider %s: %w", t.ID, err)
		}
		return putMetadata(ctx, c, t.ID, nobodysMetadata(m.issuer))
	},
	Undo: func(ctx context.Context, c *AWS, t Target, before, now samlState) error {
		if before == now {
			return nil
		}
		if !cut(now.Metadata) {
			return fmt.Errorf("the metadata of SAML provider %s is no longer what cordon put there: it is left alone", t.ID)
		}
		return putMetadata(ctx, c, t.ID, before.Metadata)
	},
	Impact: func(ctx context.Context, c *AWS, t Target, _ samlState) ([]string, error) {
		return providerImpact(ctx, c, t.ID)
	},
	Change:   func(Target, samlState) string { return "its certificate -> one whose key nobody has" },
	Volatile: true,
})

func putMetadata(ctx context.Context, c *AWS, arn, metadata string) error {
	_, err := c.IAM.UpdateSAMLProvider(ctx, &iam.UpdateSAMLProviderInput{SAMLProviderArn: aws.String(arn), SAMLMetadataDocument: aws.String(metadata)})
	if err != nil {
		return fmt.Errorf("replace the metadata of SAML provider %s: %w", arn, err)
	}
	return nil
}

// metadata is what of a document decides who can sign: its certificates without white space, each once and sorted, and
// what else it holds, by the names of its elements.
type metadata struct {
	issuer       string
	certificates []string
	elements     []string
}

func readMetadata(document string) (metadata, error) {
	var m metadata
	var within string
	d := xml.NewDecoder(strings.NewReader(document))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return m, err
		}
		switch e := token.(type) {
		case xml.StartElement:
			within = e.Name.Local
			m.elements = append(m.elements, within)
			for _, a := range e.Attr {
				if within == "EntityDescriptor" && a.Name.Local == "entityID" {
					m.issuer = a.Value
				}
			}
		case xml.CharData:
			if within == "X509Certificate" {
				m.certificates = append(m.certificates, strings.Join(strings.Fields(string(e)), ""))
			}
		case xml.EndElement:
			within = ""
		}
	}
	m.certificates, m.elements = sortedSet(m.certificates), sortedSet(m.elements)
	if m.issuer == "" {
		return m, errors.New("it names no issuer (entityID)")
	}
	return m, nil
}

// cut tells whether nobody can sign for a document's issuer: it holds nothing but what cordon's own holds. A key may be
// given in other ways than by a certificate, so anything else makes it another's.
func cut(document string) bool {
	m, err := readMetadata(document)
	if err != nil {
		return false
	}
	own, err := readMetadata(nobodysMetadata(m.issuer))
	return err == nil && slices.Equal(m.certificates, own.certificates) && slices.Equal(m.elements, own.elements)
}

// nobodysMetadata is the metadata of an issuer whose key nobody has
// (docs.oasis-open.org/security/saml/v2.0/saml-metadata-2.0-os.pdf). IAM takes documents from 1,000 characters on.
func nobodysMetadata(issuer string) string {
	var id strings.Builder
	if err := xml.EscapeText(&id, []byte(issuer)); err != nil {
		panic(err) // a Builder takes everything
	}
	return `<?xml version="1.0" encoding="UTF-8"?>
<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" xmlns:ds="http://www.w3.org/2000/09/xmldsig#" entityID="` + id.String() + `">
<md:IDPSSODescriptor WantAuthnRequestsSigned="false" protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
<md:KeyDescriptor use="signing"><ds:KeyInfo><ds:X509Data><ds:X509Certificate>` + nobodysCertificate + `</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>
<md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="https://closed-by-cordon.invalid/"/>
</md:IDPSSODescriptor>
</md:EntityDescriptor>
`
}

// nobodysCertificate is for the modulus RSA-2048 of the RSA Factoring Challenge, whose factors were destroyed when it
// was made and which has never been factored (en.wikipedia.org/wiki/RSA_numbers#RSA-2048): whoever doubts that nobody
// has the key can look the number up, where of a key made on the spot one would have to believe that it was thrown
// away. Its own signature is of a key that was.
const nobodysCertificate = "" +
	"MIIC8jCCAdqgAwIBAgICCAAwDQYJKoZIhvcNAQELBQAwNjEPMA0GA1UEChMGY29yZG9uMSMwIQYDVQQDExphIGtleSB0aGF0IHdh" +
	"cyB0aHJvd24gYXdheTAgFw0yMDAxMDEwMDAwMDBaGA8yMDk5MTIzMTAwMDAwMFowQDEPMA0GA1UEChMGY29yZG9uMS0wKwYDVQQD" +
	"EyRSU0EtMjA0OCwgd2hvc2UgZmFjdG9ycyBub2JvZHkga25vd3MwggEiMA0GCSqGSIb3DQEBAQUAA4IBDwAwggEKAoIBAQDHlwzu" +
	"3MOwdUSQIBp6phPNc5EQgceQ9fGocm9GNVC7W3/w244eoRiexy+T0WUAEb1yGu6swqzeMqBBB/BkjCgTox9bC3dl/4tEtLb/yTOE" +
	"tkbrCcfPXoWS1A6jPIADnzW08UoEtR97/Xgb5NFnMWS6jrmRwsTXMLu+NfWSve9SSvfo2u/SbGb8AsR5r4nWTTc/RCcJQ53mbOuV" +
	"Xz6jfVFZ9hNYCfhTNLXLGBOt3IDNBWCfEKxqla1lhyyQlSW9rTK8cpWSZCkg8kxh3Fs8O3kj5WsWpNnTc9hyHySj/A8bMTH1VhUX" +
	"KGa8zDD5UFTIJOczpetoF/e8FjmdSMY2HMflAgMBAAEwDQYJKoZIhvcNAQELBQADggEBAKiBBB4WvYBwCwF9Fg93I0GaBhAqNPKc" +
	"sGaOM/VHv4kr4lLMlx7RU4kQy59MHj5UBrvKEBhelrO25a5L+MNsLuRlvlus8poA4Em4UCqJJK1JXURzWnLwhzPSa8H5iMRh5tlN" +
	"Eu5ALv4ERO4114xTbv88xNpLUoa/z6LyEk3qdRKH9TOaoqBjjkD4bQC2urejOig4gAkWpWlY7dmd0zAAhhUZfamd8wbBkzUCcWum" +
	"DTLsJinYN6pgau5/0fv8LnmknBVqzjspvInmFy3SmuRvS56n3wxPJi+w78/fzB64xgsdaHk1MRFKNwsiVTLerGd18OM++KDqhbSB" +
	"SzDupYP7kyE="
