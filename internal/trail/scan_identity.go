package trail

import (
	"slices"
	"strings"
)

// scanIdentity reads a userIdentity as identityOf does. What is odd is left to the strict reader.
func scanIdentity(b []byte, id *Identity) error {
	return eachMember(b, userNames, func(n int, v []byte) error {
		switch n {
		case 0:
			return scanTo(v, &id.Type)
		case 1:
			return scanTo(v, &id.PrincipalID)
		case 2:
			return scanTo(v, &id.ARN)
		case 3:
			return scanTo(v, &id.Account)
		case 4:
			return scanTo(v, &id.AccessKey)
		case 5:
			return scanTo(v, &id.UserName)
		case 6:
			return scanTo(v, &id.InvokedBy)
		case 7:
			return scanSession(v, id)
		case 8:
			return eachMember(v, []string{"userId"}, func(_ int, v []byte) error { return scanTo(v, &id.OnBehalfOf) })
		}
		return errOdd // rare: more than one place may say it
	})
}

var (
	userNames = []string{"type", "principalId", "arn", "accountId", "accessKeyId", "userName", "invokedBy", "sessionContext",
		"onBehalfOf", "identityProvider", "signInSessionArn"}
	sessionNames   = []string{"attributes", "sessionIssuer", "webIdFederationData", "sourceIdentity", "ec2RoleDelivery", "webIdentityTokenId", "signInSessionArn"}
	attributeNames = []string{"creationDate", "mfaAuthenticated"}
	issuerNames    = []string{"type", "principalId", "arn"}
	providerNames  = []string{"federatedProvider"}
)

func scanSession(b []byte, id *Identity) error {
	return eachMember(b, sessionNames, func(n int, v []byte) error {
		switch n {
		case 0:
			return eachMember(v, attributeNames, func(n int, v []byte) error {
				var s string
				err := scanTo(v, &s)
				if n == 0 {
					id.Created = createdOf(s)
				} else {
					id.MFA = s == "true"
				}
				return err
			})
		case 1:
			return eachMember(v, issuerNames, func(n int, v []byte) error {
				return scanTo(v, [...]*string{&id.IssuerType, &id.IssuerPrincipal, &id.IssuerARN}[n])
			})
		case 2:
			return eachMember(v, providerNames, func(_ int, v []byte) error { return scanTo(v, &id.Provider) })
		case 3:
			return scanTo(v, &id.SourceIdentity)
		case 4:
			return scanTo(v, &id.EC2RoleDelivery)
		case 5:
			return scanTo(v, &id.WebIdentityToken)
		}
		return scanTo(v, &id.SignInSession)
	})
}

func scanTo(v []byte, s *string) error {
	p, err := plain(v)
	*s = string(p)
	return err
}

// eachMember hands over those members of an object that names lists, by their number. null and "" are objects without
// members. A name twice, or one that may be read as one of names, is odd.
func eachMember(b []byte, names []string, each func(n int, v []byte) error) error {
	if s := string(b); s == "null" || s == `""` {
		return nil
	}
	if len(b) == 0 || b[0] != '{' {
		return errOdd
	}
	seen := uint32(0)
	i := skipSpace(b, 1)
	if i < len(b) && b[i] == '}' {
		return nil
	}
	for i < len(b) && b[i] == '"' {
		end, err := skipString(b, i)
		if err != nil {
			return errOdd
		}
		name := b[i+1 : end-1]
		if i = skipSpace(b, end); i >= len(b) || b[i] != ':' {
			return errOdd
		}
		i = skipSpace(b, i+1)
		if end, err = skipAny(b, i); err != nil {
			return errOdd
		}
		switch n := slices.Index(names, string(name)); {
		case n < 0 && mayBeRead(name, names), n >= 0 && seen>>n&1 == 1:
			return errOdd
		case n >= 0:
			seen |= 1 << n
			if err := each(n, b[i:end]); err != nil {
				return err
			}
		}
		if i = skipSpace(b, end); i < len(b) && b[i] == '}' && skipSpace(b, i+1) == len(b) {
			return nil
		}
		if i >= len(b) || b[i] != ',' {
			return errOdd
		}
		i = skipSpace(b, i+1)
	}
	return errOdd
}

// mayBeRead says that a name may be read as one of names: with escapes, or in other case.
func mayBeRead(name []byte, names []string) bool {
	return slices.Contains(name, '\\') || slices.ContainsFunc(names, func(n string) bool {
		return len(n) == len(name) && strings.EqualFold(n, string(name))
	})
}
