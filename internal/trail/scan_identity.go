package trail

import (
	"bytes"
	"slices"
	"strings"
	"unsafe"
)

// scanIdentity reads a userIdentity as identityOf does. What is odd is left to the strict reader.
func scanIdentity(b []byte, id *Identity) error {
	var provider, signIn string // the session may say them too: of the one its word counts first, of the other last
	err := eachMember(b, &userMembers, func(name, v []byte) error {
		switch string(name) {
		case "identityProvider":
			return scanTo(v, &provider)
		case "signInSessionArn":
			return scanTo(v, &signIn)
		case "type":
			return scanTo(v, &id.Type)
		case "principalId":
			return scanTo(v, &id.PrincipalID)
		case "arn":
			return scanTo(v, &id.ARN)
		case "accountId":
			return scanTo(v, &id.Account)
		case "accessKeyId":
			return scanTo(v, &id.AccessKey)
		case "userName":
			return scanTo(v, &id.UserName)
		case "invokedBy":
			return scanTo(v, &id.InvokedBy)
		case "sessionContext":
			return scanSession(v, id)
		case "onBehalfOf":
			return eachMember(v, &behalfMembers, func(_, v []byte) error { return scanTo(v, &id.OnBehalfOf) })
		}
		return nil
	})
	id.Provider, id.SignInSession = first(id.Provider, provider), first(signIn, id.SignInSession)
	return err
}

var (
	userMembers      = memberNamesOf("type principalId arn accountId accessKeyId userName invokedBy sessionContext onBehalfOf identityProvider signInSessionArn")
	sessionMembers   = memberNamesOf("attributes sessionIssuer webIdFederationData sourceIdentity ec2RoleDelivery webIdentityTokenId signInSessionArn")
	attributeMembers = memberNamesOf("creationDate mfaAuthenticated")
	issuerMembers    = memberNamesOf("type principalId arn")
	providerMembers  = memberNamesOf("federatedProvider")
	behalfMembers    = memberNamesOf("userId")
)

func scanSession(b []byte, id *Identity) error {
	return eachMember(b, &sessionMembers, func(name, v []byte) error {
		switch string(name) {
		case "attributes":
			return scanAttributes(v, id)
		case "sessionIssuer":
			return scanIssuer(v, id)
		case "webIdFederationData":
			return eachMember(v, &providerMembers, func(_, v []byte) error { return scanTo(v, &id.Provider) })
		case "sourceIdentity":
			return scanTo(v, &id.SourceIdentity)
		case "ec2RoleDelivery":
			return scanTo(v, &id.EC2RoleDelivery)
		case "webIdentityTokenId":
			return scanTo(v, &id.WebIdentityToken)
		}
		return scanTo(v, &id.SignInSession)
	})
}

func scanAttributes(b []byte, id *Identity) error {
	return eachMember(b, &attributeMembers, func(name, v []byte) error {
		p, err := plain(v)
		if string(name) == "creationDate" {
			id.Created = createdOf(unsafe.String(unsafe.SliceData(p), len(p)))
		} else {
			id.MFA = string(p) == "true"
		}
		return err
	})
}

func scanIssuer(b []byte, id *Identity) error {
	return eachMember(b, &issuerMembers, func(name, v []byte) error {
		switch string(name) {
		case "type":
			return scanTo(v, &id.IssuerType)
		case "arn":
			return scanTo(v, &id.IssuerARN)
		}
		return scanTo(v, &id.IssuerPrincipal)
	})
}

// scanTo lets s be what v says, for as long as v is not changed: addIdentity puts a text that stays in its place.
func scanTo(v []byte, s *string) error {
	p, err := plain(v)
	*s = unsafe.String(unsafe.SliceData(p), len(p))
	return err
}

// memberNames are the members of an object that matter, by length.
type memberNames [32][]string

func memberNamesOf(list string) (n memberNames) {
	for name := range strings.FieldsSeq(list) {
		n[len(name)] = append(n[len(name)], name)
	}
	return n
}

// of says whether name is one of n, or, where it is not, may be read as one: with escapes, or in other case.
func (n *memberNames) of(name []byte) (is, mayBe bool) {
	if len(name) >= len(n) {
		return false, false
	}
	for _, one := range n[len(name)] {
		if one == string(name) {
			return true, false
		}
		mayBe = mayBe || strings.EqualFold(one, string(name))
	}
	return false, mayBe || bytes.IndexByte(name, '\\') >= 0
}

// eachMember hands over those members of an object that matter. null and "" are objects without members. A name twice,
// or one that may be read as one that matters, is odd.
func eachMember(b []byte, matter *memberNames, each func(name, v []byte) error) error {
	if s := string(b); s == "null" || s == `""` {
		return nil
	}
	if len(b) == 0 || b[0] != '{' {
		return errOdd
	}
	var seen [16][]byte
	n := 0
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
		is, mayBe := matter.of(name)
		if mayBe || is && slices.ContainsFunc(seen[:n], func(s []byte) bool { return string(s) == string(name) }) {
			return errOdd
		}
		if is {
			seen[n] = name // each is there at most once, so that there is room
			n++
			if err := each(name, b[i:end]); err != nil {
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
