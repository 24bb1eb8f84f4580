package main

import (
	"fmt"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"cordon/internal/casefile"
	"cordon/internal/trail"
)

// seedSpellings is what --seed takes, for whoever wrote something else.
const seedSpellings = `an access key (AKIA… or ASIA…), the ARN of a user, role, session, root, federated user, instance or function,
an address or network, an instance id (i-…), an event id (a UUID), an account (12 digits), or a file with findings (- for stdin)`

var (
	// docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html, "unique identifiers"; the length is that of
	// AccessKeyId in docs.aws.amazon.com/STS/latest/APIReference/API_Credentials.html
	keySyntax      = regexp.MustCompile(`^(AKIA|ASIA)[A-Z0-9]{12,124}$`)
	instanceSyntax = regexp.MustCompile(`^m?i-([0-9a-f]{8}|[0-9a-f]{17})$`) // mi-: a machine that Systems Manager manages
	accountSyntax  = regexp.MustCompile(`^[0-9]{12}$`)
	eventSyntax    = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
	arnSyntax      = regexp.MustCompile(`^arn:aws(-[a-z]+)*:(iam|sts|ec2|lambda):([a-z0-9-]*):([0-9]{12}):(.+)$`)
)

// parseSeed reads one spelling that is no file.
func parseSeed(s string) (trail.Seed, bool) {
	switch {
	case keySyntax.MatchString(s):
		return trail.Seed{Kind: "access-key", Value: s}, true
	case instanceSyntax.MatchString(s):
		return trail.Seed{Kind: "instance", Value: s}, true
	case eventSyntax.MatchString(s):
		return trail.Seed{Kind: "event", Value: s}, true
	case accountSyntax.MatchString(s):
		return trail.Seed{Kind: "account", Value: s}, true
	case strings.HasPrefix(s, "arn:"):
		return parseARN(s)
	}
	return parseAddress(s)
}

// parseARN tells what acts under an ARN
// (docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-arns).
func parseARN(s string) (trail.Seed, bool) {
	m := arnSyntax.FindStringSubmatch(s)
	if m == nil {
		return trail.Seed{}, false
	}
	service, resource := m[2], m[5]
	kind, rest, _ := strings.Cut(resource, "/")
	switch {
	case service == "iam" && resource == "root":
		return trail.Seed{Kind: "root", Value: s}, true
	case service == "lambda" && strings.HasPrefix(resource, "function:"):
		return trail.Seed{Kind: "function", Value: s}, true
	case rest == "":
		return trail.Seed{}, false
	case service == "iam" && (kind == "user" || kind == "role"):
		return trail.Seed{Kind: kind, Value: s}, true
	case service == "sts" && kind == "assumed-role" && strings.Contains(rest, "/"):
		return trail.Seed{Kind: "session", Value: s}, true
	case service == "sts" && kind == "federated-user":
		return trail.Seed{Kind: "federated-user", Value: s}, true
	case service == "ec2" && kind == "instance" && instanceSyntax.MatchString(rest):
		return trail.Seed{Kind: "instance", Value: rest}, true
	}
	return trail.Seed{}, false
}

// parseAddress reads an address or a network, in the spelling that does not depend on who wrote it. A network so wide
// that it holds everybody is no seed.
func parseAddress(s string) (trail.Seed, bool) {
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		return trail.Seed{Kind: "address", Value: a.Unmap().String()}, true
	}
	p, err := netip.ParsePrefix(s)
	if err != nil || p.Bits() == 0 {
		return trail.Seed{}, false
	}
	return trail.Seed{Kind: "address", Value: p.Masked().String()}, true
}

// seeds reads every --seed. What is no spelling of a seed is a file with findings, if there is one.
func (a *app) seeds(args []string) (seeds []trail.Seed, notes []string, err error) {
	for _, arg := range args {
		if s, ok := parseSeed(strings.TrimSpace(arg)); ok { // pasted with what stood around it
			seeds = append(seeds, s)
			continue
		}
		if info, err := os.Stat(arg); arg != "-" && (err != nil || info.IsDir()) {
			return nil, nil, fmt.Errorf("%w: --seed %q is no seed, and no file of that name is here. It takes %s", errUsage, arg, seedSpellings)
		}
		docs, faults, err := a.read([]string{arg})
		if err != nil {
			return nil, nil, err
		}
		if len(faults) > 0 {
			return nil, nil, fmt.Errorf("read the findings that seed the question: %w", faults[0])
		}
		before := len(seeds)
		for _, d := range docs {
			found, said := seedsOf(d.Incident)
			seeds, notes = append(seeds, found...), append(notes, said...)
		}
		if len(seeds) == before {
			return nil, notes, fmt.Errorf("%w: %s names nothing that CloudTrail could know a caller by: name it with --seed", errUsage, arg)
		}
	}
	return compactSeeds(seeds), notes, nil
}

func compactSeeds(seeds []trail.Seed) []trail.Seed {
	var once []trail.Seed
	for _, s := range seeds {
		if !slices.Contains(once, s) {
			once = append(once, s)
		}
	}
	return once
}

// seedMargin is how much earlier than a finding's first sighting its seeds count as compromised. A detector sees the
// first event of its own kind: what the intruder did on the way there is his as well. A day is long enough for an
// entry and its first steps, and short enough to leave out the months in which the owner used the same key. What the
// seed did earlier is listed as such and leads nowhere; a key or ARN given by itself counts from the beginning.
const seedMargin = 24 * time.Hour

// seedsOf says where the question about a finding starts, and what of the finding is no seed and why.
//
//   - A key is what the intruder holds. Where one is named, its user or role is no seed: their other sessions are
//     other people's until the log shows otherwise, and Find lists them apart.
//   - An instance or function that is compromised lends its sessions to whoever is on it. One that only leaked a key
//     that the finding names goes on working for its owner, who is not to be taken for the intruder.
//   - An address is a seed where it made AWS calls. One that was only seen on the network is an indicator.
//
// A key that expires by itself is compromised for as long as it lives; everything else from a day before the first
// sighting.
func seedsOf(i casefile.Incident) (seeds []trail.Seed, notes []string) {
	from := time.Time{}
	if t, err := time.Parse(time.RFC3339Nano, i.Start); err == nil {
		from = t.Add(-seedMargin).UTC().Truncate(time.Second)
	}
	add := func(kind, value string) {
		s := trail.Seed{Kind: kind, Value: value, From: from}
		if kind == "access-key" && strings.HasPrefix(value, "ASIA") {
			s.From = time.Time{}
		}
		if !slices.Contains(seeds, s) {
			seeds = append(seeds, s)
		}
	}
	refuse := func(what, value string) {
		notes = append(notes, fmt.Sprintf("%s %q is not the syntax of one: no seed", what, value))
	}

	keys := 0
	for _, key := range keysOf(i) {
		if !keySyntax.MatchString(key) {
			refuse("access key", key)
			continue
		}
		keys++
		add("access-key", key)
	}
	calls := keys > 0
	for _, s := range i.Context {
		if seed, ok := parseSeed(s.ARN); ok && s.Kind == casefile.Lambda {
			add(seed.Kind, seed.Value)
		}
	}
	for _, s := range i.Subjects {
		switch s.Kind {
		case casefile.EC2Instance:
			switch {
			case !instanceSyntax.MatchString(s.ID):
				refuse("instance", s.ID)
			case calls && leaked(i):
				notes = append(notes, fmt.Sprintf("instance %s is where the key came from; what it does itself is not taken for the intruder's: no seed. --seed %s asks for it", s.ID, s.ID))
			default:
				add("instance", s.ID)
			}
		case casefile.IAMUser, casefile.IAMRole:
			calls = true
			if keys > 0 {
				continue
			}
			seed, ok := principalSeed(i, s)
			if !ok {
				notes = append(notes, fmt.Sprintf("%s %q has no ARN that can be told from the finding: no seed", s.Kind, s.ID))
				continue
			}
			add(seed.Kind, seed.Value)
		case casefile.AWSAccount:
			if calls = true; keys == 0 && strings.EqualFold(i.Actor.PrincipalType, "Root") && accountSyntax.MatchString(s.ID) {
				add("root", "arn:"+partitionOf(s.Region)+":iam::"+s.ID+":root")
			}
		}
	}
	for _, address := range i.Actor.Addresses {
		if seed, ok := parseAddress(address); ok && calls && public(seed.Value) {
			add("address", seed.Value)
			continue
		}
		notes = append(notes, fmt.Sprintf("address %s was seen on the network and not calling AWS, or is nobody's in particular: no seed. --seed %s asks for it", address, address))
	}
	return seeds, notes
}

// leaked tells a finding about a key that left an instance from one about what runs on it
// (docs.aws.amazon.com/guardduty/latest/ug/guardduty_finding-types-iam.html, InstanceCredentialExfiltration).
func leaked(i casefile.Incident) bool {
	return strings.Contains(i.Finding.Type, "InstanceCredentialExfiltration")
}

func keysOf(i casefile.Incident) []string {
	var keys []string
	if i.Actor.AccessKey != "" {
		keys = append(keys, i.Actor.AccessKey)
	}
	for _, s := range i.Subjects {
		if s.Kind == casefile.AccessKey && !slices.Contains(keys, s.ID) {
			keys = append(keys, s.ID)
		}
	}
	return keys
}

// principalSeed names a user or role as CloudTrail does. A finding gives the name alone, so that a path is not known:
// then the name at the root is what is asked for. Where the finding names the session, the session it is.
func principalSeed(i casefile.Incident, s casefile.Subject) (trail.Seed, bool) {
	if seed, ok := parseSeed(s.ARN); ok && i.Actor.Session == "" {
		return seed, true
	}
	if !accountSyntax.MatchString(s.Account) {
		return trail.Seed{}, false
	}
	p := "arn:" + partitionOf(s.Region)
	switch {
	case s.Kind == casefile.IAMUser:
		return parseARN(p + ":iam::" + s.Account + ":user/" + s.ID)
	case i.Actor.Session != "" && i.Actor.Principal == s.ID:
		return parseARN(p + ":sts::" + s.Account + ":assumed-role/" + s.ID + "/" + i.Actor.Session)
	}
	return parseARN(p + ":iam::" + s.Account + ":role/" + s.ID)
}

// partitionOf a region, by its first part (docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html).
func partitionOf(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	case strings.HasPrefix(region, "eusc-"):
		return "aws-eusc"
	}
	return "aws"
}

// public says that an address belongs to one place of the internet.
func public(s string) bool {
	a, err := netip.ParseAddr(s)
	return err == nil && a.IsGlobalUnicast() && !a.IsPrivate() && !sharedSpace.Contains(a)
}

// sharedSpace is the carriers' own (RFC 6598).
var sharedSpace = netip.MustParsePrefix("100.64.0.0/10")
