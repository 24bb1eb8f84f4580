package trail

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"
)

// readEvent reads a record whole and strictly. Its error says why the bytes are no record.
func readEvent(raw []byte) (*Event, error) {
	m, err := strictMap(raw)
	if err != nil {
		return nil, err
	}
	if err := checkNames(m); err != nil {
		return nil, err
	}
	e := eventOf(m)
	e.Raw = raw
	if e.ID == "" {
		e.ID = unnamed(raw)
	}
	return e, checkEvent(e)
}

// unnamed names a record that has no eventID by its bytes, so that copies of it are still counted once.
func unnamed(raw []byte) string {
	if spaced(raw) {
		raw = compacted(nil, raw)
	}
	sum := sha256.Sum256(raw)
	return "unnamed-" + hex.EncodeToString(sum[:12])
}

// checkEvent refuses a value that no record has and that would be kept for every event.
func checkEvent(e *Event) error {
	for _, s := range []string{e.ID, e.RawName, e.Source, e.Region, e.Type, e.SourceIP, e.UserAgent, e.Code, e.SharedID, e.Recipient, e.Original} {
		if len(s) > maxText {
			return errText
		}
	}
	return nil
}

// maxText bounds a value that is kept for every event. CloudTrail's own bound is 1 KB, IAM's for an ARN 2 KB
// (docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html).
const maxText = 8 << 10

var errText = fmt.Errorf("a value longer than %d KiB where a name or an address is expected", maxText>>10)

// checkNames refuses a record with two names that differ only in case: readers disagree on which of them counts, and
// whoever wrote it may have meant them to.
func checkNames(m map[string]any) error {
	user, _ := m["userIdentity"].(map[string]any)
	for _, object := range []map[string]any{m, user} {
		folded := make(map[uint64]string, len(object)) // by what case does not change, so that few need a closer look
		for name := range object {
			key := uint64(len(name))
			for i := range len(name) {
				key = key*31 + uint64(name[i]|0x20)
			}
			if other, ok := folded[key]; ok && strings.EqualFold(name, other) {
				return fmt.Errorf("%w: %q", errFolded, clip(strings.ToLower(name)))
			}
			folded[key] = name
		}
	}
	return nil
}

var errFolded = fmt.Errorf("two names that differ only in case")

// eventOf understands a record that has been read strictly. Members that are absent, null, {} or "" are the same;
// numbers and booleans may stand in strings.
func eventOf(m map[string]any) *Event {
	name := text(m["eventName"])
	e := &Event{
		ID: text(m["eventID"]), RawName: name, Name: plainName(name), Source: text(m["eventSource"]), Region: text(m["awsRegion"]),
		Version: text(m["eventVersion"]), Type: text(m["eventType"]), ReadOnly: text(m["readOnly"]) == "true",
		SourceIP: text(m["sourceIPAddress"]), UserAgent: text(m["userAgent"]), Code: text(m["errorCode"]), Message: text(m["errorMessage"]),
		RequestID: text(m["requestID"]), SharedID: text(m["sharedEventID"]), Recipient: text(m["recipientAccountId"]),
		VPCEndpoint: text(m["vpcEndpointId"]), Identity: identityOf(m["userIdentity"]),
	}
	e.Time, _ = timeOf(text(m["eventTime"]))
	e.Identity.FromConsole = text(m["sessionCredentialFromConsole"]) == "true"
	if e.Recipient == "" {
		e.Recipient = e.Identity.Account
	}
	var hidden [2]bool
	e.Request, hidden[0] = objectOf(m["requestParameters"])
	e.Response, hidden[1] = objectOf(m["responseElements"])
	e.Hidden = hidden[0] || hidden[1]
	e.Additional, _ = objectOf(m["additionalEventData"])
	e.Service, _ = objectOf(m["serviceEventDetails"])
	e.Resources = resourcesOf(m["resources"])
	addendum, _ := objectOf(m["addendum"])
	e.Addendum, e.Original = text(addendum["reason"]), text(addendum["originalEventID"])
	e.Omitted = omitted(e.Request) || omitted(e.Response)
	e.Category = categoryOf(text(m["eventCategory"]), text(m["managementEvent"]), e.Name, e.Source)
	e.Code, e.Outcome = outcomeOf(e.Code, e.Message != "", e.Name, e.Response)
	return e
}

func objectOf(v any) (m map[string]any, hidden bool) {
	m, _ = v.(map[string]any)
	return m, text(v) == hiddenText
}

const hiddenText = "HIDDEN_DUE_TO_SECURITY_REASONS"

// omitted says that CloudTrail left the object out as too large, as it does beyond 100 KB.
func omitted(m map[string]any) bool { return text(m["omitted"]) == "true" }

func resourcesOf(v any) []Resource {
	list, _ := v.([]any)
	var out []Resource
	for _, r := range list {
		m, _ := r.(map[string]any)
		one := Resource{ARN: text(m["ARN"]), Account: text(m["accountId"]), Type: text(m["type"])}
		if one.ARN == "" {
			one.ARN = text(m["arn"])
		}
		if one != (Resource{}) {
			out = append(out, one)
		}
	}
	return out
}

func identityOf(v any) Identity {
	u, _ := objectOf(v)
	session, _ := objectOf(u["sessionContext"])
	attributes, _ := objectOf(session["attributes"])
	issuer, _ := objectOf(session["sessionIssuer"])
	web, _ := objectOf(session["webIdFederationData"])
	behalf, _ := objectOf(u["onBehalfOf"])
	return Identity{
		Type: text(u["type"]), PrincipalID: text(u["principalId"]), ARN: text(u["arn"]), Account: text(u["accountId"]),
		AccessKey: text(u["accessKeyId"]), UserName: text(u["userName"]), InvokedBy: text(u["invokedBy"]),
		Created: createdOf(text(attributes["creationDate"])), MFA: text(attributes["mfaAuthenticated"]) == "true",
		IssuerType: text(issuer["type"]), IssuerPrincipal: text(issuer["principalId"]), IssuerARN: text(issuer["arn"]),
		SourceIdentity: text(session["sourceIdentity"]), EC2RoleDelivery: text(session["ec2RoleDelivery"]),
		Provider:         first(text(web["federatedProvider"]), text(u["identityProvider"])),
		WebIdentityToken: text(session["webIdentityTokenId"]), OnBehalfOf: text(behalf["userId"]),
		SignInSession: first(text(u["signInSessionArn"]), text(session["signInSessionArn"])),
	}
}

func first(list ...string) string {
	for _, s := range list {
		if s != "" {
			return s
		}
	}
	return ""
}

// createdOf gives a session's creation date in one spelling, since it tells one console session from another.
func createdOf(s string) string {
	if len(s) == 20 && s[19] == 'Z' && s[10] == 'T' {
		if _, err := seconds1970(bytesOf(s)); err == nil {
			return s
		}
	}
	if t, ok := timeOf(s); ok {
		return t.Format(time.RFC3339)
	}
	return s
}

// timeOf reads eventTime: RFC 3339, and what databases make of it.
func timeOf(s string) (time.Time, bool) {
	if s == "" {
		return time.Time{}, false
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		spelt, ok := moment(nil, s)
		if !ok {
			return time.Time{}, false
		}
		if t, err = time.Parse(time.RFC3339, spelt); err != nil {
			return time.Time{}, false
		}
	}
	t = t.UTC().Truncate(time.Second)
	if t.Unix() <= 0 || t.Unix() > 1<<32-1 {
		return time.Time{}, false
	}
	return t, true
}

// categoryOf gives the event's category, and tells it where the record is from before eventVersion 1.07.
func categoryOf(category, management, name, source string) Category {
	switch category {
	case "Data":
		return Data
	case "NetworkActivity":
		return NetworkActivity
	case "Insight":
		return Insight
	case "Management":
		return Management
	}
	switch {
	case management == "false", management == "" && slices.Contains(dataEvents[serviceName(source)], name):
		return Data
	}
	return Management
}

// dataEvents are the data events that there were before records named their category
// (docs.aws.amazon.com/awscloudtrail/latest/userguide/logging-data-events-with-cloudtrail.html).
var dataEvents = map[string][]string{
	"lambda": {"Invoke", "InvokeAsync", "InvokeExecution"},
	"s3": {"GetObject", "PutObject", "DeleteObject", "DeleteObjects", "CopyObject", "HeadObject", "GetObjectAcl", "PutObjectAcl",
		"GetObjectTagging", "PutObjectTagging", "CreateMultipartUpload", "CompleteMultipartUpload", "AbortMultipartUpload",
		"UploadPart", "UploadPartCopy", "ListParts", "ListObjects", "ListObjectVersions", "RestoreObject", "SelectObjectContent"},
	"dynamodb": {"GetItem", "PutItem", "UpdateItem", "DeleteItem", "BatchGetItem", "BatchWriteItem", "Query", "Scan",
		"TransactGetItems", "TransactWriteItems", "ExecuteStatement", "BatchExecuteStatement"},
}

// outcomeOf says how a call ended, by its error code. A sign-in says so in its response, and a call on several things
// may have failed for each of them without an error code.
func outcomeOf(code string, message bool, name string, response map[string]any) (string, Outcome) {
	switch {
	case code != "" && strings.Contains(code, "DryRunOperation"):
		return code, Success
	case code != "" && denies(code):
		return code, Denied
	case code != "":
		return code, Failed
	case name == "ConsoleLogin" && text(response["ConsoleLogin"]) == "Failure":
		return "Failure", Denied
	case message:
		return "", Failed
	case partial[name] && allFailed(response):
		return "", Failed
	}
	return "", Success
}

// denies says that a call was refused for want of permission. The services spell it in dozens of ways.
func denies(code string) bool {
	for _, part := range []string{"AccessDenied", "Unauthorized", "NotAuthorized", "Forbidden", "InvalidClientTokenId", "OptInRequired",
		"UnauthorizedAccess", "AuthFailure", "NoAccess", "ExplicitDeny"} {
		if strings.Contains(code, part) {
			return true
		}
	}
	return code == "403"
}

// partial are the calls that answer with what failed beside what did not.
var partial = map[string]bool{"CreateFlowLogs": true, "DeleteFlowLogs": true, "DeleteVpcEndpoints": true, "DeleteFleets": true,
	"CancelSpotFleetRequests": true, "DeleteLaunchTemplateVersions": true, "DeleteObjects": true, "BatchDeleteImage": true}

// allFailed says that a response lists failures and no success.
func allFailed(response map[string]any) bool {
	failed, done := false, false
	var look func(v any, depth int)
	look = func(v any, depth int) {
		m, _ := v.(map[string]any)
		if depth > 2 {
			return
		}
		for name, inner := range m {
			full := !empty(inner)
			switch lower := strings.ToLower(name); {
			case strings.HasPrefix(lower, "unsuccessful"), lower == "failures", lower == "errors":
				failed = failed || full
			case strings.HasPrefix(lower, "success"), strings.HasSuffix(lower, "idset"), lower == "deleted", lower == "imageids":
				done = done || full
			default:
				look(inner, depth+1)
			}
		}
	}
	look(response, 0)
	return failed && !done
}

func empty(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		return len(v) == 0
	case []any:
		return len(v) == 0
	}
	return text(v) == ""
}

// keysIn gives the access keys that a response hands out: those within what is named credentials or access key.
func keysIn(response map[string]any) []string {
	var out []string
	var look func(v any, depth int, given bool)
	look = func(v any, depth int, given bool) {
		if depth > 6 {
			return
		}
		switch v := v.(type) {
		case []any:
			for _, x := range v {
				look(x, depth+1, given)
			}
		case map[string]any:
			for name, inner := range v {
				lower := strings.ToLower(name)
				if key := text(inner); lower == "accesskeyid" && given && plausibleKey(key) && !slices.Contains(out, key) {
					out = append(out, key)
				}
				look(inner, depth+1, given || lower == "credentials" || lower == "accesskey" || lower == "credential")
			}
		}
	}
	look(response, 0, false)
	slices.Sort(out)
	return out
}

// plausibleKey says that s may be an access key: 16 to 128 letters and digits
// (docs.aws.amazon.com/IAM/latest/APIReference/API_AccessKey.html).
func plausibleKey(s string) bool {
	if len(s) < 16 || len(s) > 128 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !(c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c == '_') {
			return false
		}
	}
	return true
}

// plainName takes the API's version off an event's name: CreateFunction20150331, UpdateFunctionCode20150331v2.
func plainName(name string) string {
	plain := name
	if i := strings.LastIndexByte(plain, 'v'); i > 8 && i < len(plain)-1 && strings.Trim(plain[i+1:], "0123456789") == "" {
		plain = plain[:i]
	}
	if n := len(plain) - 8; n > 0 && (strings.HasPrefix(plain[n:], "19") || strings.HasPrefix(plain[n:], "20")) && strings.Trim(plain[n:], "0123456789") == "" {
		return plain[:n]
	}
	if i := strings.LastIndexByte(name, '_'); i > 0 && len(name)-i == 11 && name[i+5] == '_' && name[i+8] == '_' {
		return name[:i] // CreateDistribution2020_05_31 and the like
	}
	return name
}
