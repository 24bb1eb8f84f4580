package trail

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ocsfClasses are the classes that Security Lake makes of CloudTrail: Account Change, Authentication, API Activity
// and Datastore Activity, and what versions after 1.0 file apart: Authorize Session, Entity, User Access, Group.
// docs.aws.amazon.com/security-lake/latest/userguide/cloudtrail-event-logs.html; github.com/ocsf/examples, AWS.
var ocsfClasses = map[string]bool{"3001": true, "3002": true, "3003": true, "3004": true, "3005": true, "3006": true,
	"6003": true, "6005": true}

// ocsfFields says which member of a record is made of which of an OCSF event. The first that is there counts, over all
// versions: 1.0.0-rc.2 and 1.1 name many things differently.
var ocsfFields = []struct {
	to   string
	from []string
}{
	{"eventID", []string{"metadata.uid", "metadata.original_event_uid", "metadata.original_uid"}},
	{"eventName", []string{"api.operation"}},
	{"eventSource", []string{"api.service.name"}},
	{"apiVersion", []string{"api.version"}},
	{"awsRegion", []string{"cloud.region", "region"}},
	{"eventVersion", []string{"metadata.product.version"}},
	{"eventType", []string{"metadata.event_code"}},
	{"requestID", []string{"api.request.uid"}},
	{"errorCode", []string{"api.response.error"}},
	{"errorMessage", []string{"api.response.message", "api.response.error_message"}},
	{"sourceIPAddress", []string{"src_endpoint.ip", "src_endpoint.domain", "src_endpoint.hostname", "src_endpoint.svc_name"}},
	{"vpcEndpointId", []string{"src_endpoint.uid"}},
	{"userAgent", []string{"http_request.user_agent"}},
	{"recipientAccountId", []string{"cloud.account.uid", "cloud.account_uid"}},
	{"userIdentity.type", []string{"actor.user.type"}},
	{"userIdentity.accountId", []string{"actor.user.account.uid", "actor.user.account_uid"}},
	{"userIdentity.accessKeyId", []string{"actor.user.credential_uid", "actor.session.credential_uid"}},
	{"userIdentity.invokedBy", []string{"actor.invoked_by"}},
	{"userIdentity.identityProvider", []string{"actor.idp.name"}},
	{"userIdentity.sessionContext.sessionIssuer.arn", []string{"actor.session.issuer"}},
	{"requestParameters", []string{"api.request.data"}},
	{"responseElements", []string{"api.response.data"}},
}

// ocsf makes a CloudTrail record of an OCSF event.
func (s *sink) ocsf(offset int64, raw []byte) error {
	m, err := strictMap(raw)
	if err != nil {
		s.refuse(offset, problemKind(err), "OCSF event: "+err.Error(), raw)
		return nil
	}
	return s.ocsfMap(offset, m)
}

func (s *sink) ocsfMap(offset int64, m map[string]any) error {
	if text(m["class_uid"]) != "" && !ocsfClasses[text(m["class_uid"])] || text(at(m, "api.operation")) == "" {
		s.notOurs(offset)
		return nil
	}
	rec, err := recordOfOCSF(m)
	if err != nil {
		s.trouble(offset, "bad-record", "OCSF event: "+err.Error())
		return nil
	}
	s.saw(shapeOCSF)
	return s.send(offset, rec)
}

func (s *sink) send(offset int64, rec map[string]any) error {
	raw, err := json.Marshal(rec)
	if err != nil {
		s.trouble(offset, "bad-record", err.Error())
		return nil
	}
	if len(raw) > maxShapeRecord {
		s.trouble(offset, "too-large", "a record that is too large once put together")
		return nil
	}
	return s.hand(offset, raw)
}

func recordOfOCSF(m map[string]any) (map[string]any, error) {
	rec := map[string]any{}
	unmapped := pairs(m["unmapped"])
	for _, name := range slices.Sorted(maps.Keys(unmapped)) {
		put(rec, name, parsed(name, unmapped[name]))
	}
	for _, f := range ocsfFields {
		for _, from := range f.from {
			v := at(m, from)
			if text(v) == "" && !isObject(v) {
				continue
			}
			if at(rec, f.to) == nil {
				put(rec, f.to, parsed(f.to, v))
			}
			break
		}
	}
	when, ok := moment(m["time"], m["time_dt"])
	if !ok {
		return nil, errors.New("no time")
	}
	rec["eventTime"] = when
	if text(rec["eventID"]) == "" {
		return nil, errors.New("no metadata.uid")
	}
	ocsfIdentity(m, rec)
	ocsfRest(m, rec)
	if len(unmapped) > 0 {
		rec["unmapped"] = m["unmapped"]
	}
	return rec, nil
}

// ocsfIdentity puts together what versions spread over differently named members: the ARN is uuid in 1.0.0-rc.2 and
// uid after, the principal id is uid and then uid_alt.
func ocsfIdentity(m, rec map[string]any) {
	for _, name := range []string{"uuid", "uid", "uid_alt"} {
		v := text(at(m, "actor.user."+name))
		if v == "" {
			continue
		}
		to := "userIdentity.principalId"
		if strings.HasPrefix(v, "arn:") {
			to = "userIdentity.arn"
		}
		if at(rec, to) == nil {
			put(rec, to, v)
		}
	}
	kind := text(at(rec, "userIdentity.type"))
	if name := text(at(m, "actor.user.name")); name != "" {
		to := "userIdentity.userName"
		if kind == "AssumedRole" {
			to = "userIdentity.sessionContext.sessionIssuer.userName"
		}
		if at(rec, to) == nil {
			put(rec, to, name)
		}
	}
	created, ok := moment(at(m, "actor.session.created_time"), at(m, "actor.session.created_time_dt"))
	if ok && at(rec, "userIdentity.sessionContext.attributes.creationDate") == nil {
		put(rec, "userIdentity.sessionContext.attributes.creationDate", created)
	}
	if at(rec, "userIdentity.sessionContext.attributes.mfaAuthenticated") == nil {
		for _, name := range []string{"actor.session.is_mfa", "actor.session.mfa"} {
			if mfa := text(at(m, name)); mfa != "" {
				put(rec, "userIdentity.sessionContext.attributes.mfaAuthenticated", mfa)
				break
			}
		}
	}
	issuer := "userIdentity.sessionContext.sessionIssuer."
	if kind != "AssumedRole" || at(rec, issuer+"arn") == nil {
		return
	}
	if at(rec, issuer+"type") == nil && strings.Contains(text(at(rec, issuer+"arn")), ":role/") {
		put(rec, issuer+"type", "Role")
	}
	if id, _, ok := strings.Cut(text(at(rec, "userIdentity.principalId")), ":"); ok && at(rec, issuer+"principalId") == nil {
		put(rec, issuer+"principalId", id)
	}
}

func ocsfRest(m, rec map[string]any) {
	if rec["eventCategory"] == nil {
		switch c := text(at(m, "metadata.product.feature.name")); c {
		case "Management", "Data", "NetworkActivity", "Insight":
			rec["eventCategory"] = c
		}
	}
	if rec["readOnly"] == nil && text(m["class_uid"]) == "6003" {
		rec["readOnly"] = text(m["activity_id"]) == "2" // Read
	}
	if rec["eventName"] == "ConsoleLogin" && rec["responseElements"] == nil {
		rec["responseElements"] = map[string]any{"ConsoleLogin": "Success"}
		if text(m["status_id"]) == "2" || text(m["status"]) == "Failure" {
			rec["responseElements"] = map[string]any{"ConsoleLogin": "Failure"}
		}
	}
	var resources []any
	list, _ := m["resources"].([]any)
	for _, r := range list {
		r, _ := r.(map[string]any)
		out := map[string]any{}
		for to, from := range map[string][]string{"ARN": {"uid"}, "accountId": {"owner.account.uid", "account.uid", "account_uid"}, "type": {"type"}} {
			for _, f := range from {
				if v := text(at(r, f)); v != "" {
					out[to] = v
					break
				}
			}
		}
		if len(out) > 0 {
			resources = append(resources, out)
		}
	}
	if len(resources) > 0 {
		rec["resources"] = resources
	} else if _, ok := rec["resources"].([]any); !ok {
		delete(rec, "resources")
	}
}

// pairs gives unmapped as one object, from an object or from a list of keys and values.
func pairs(v any) map[string]any {
	switch v := v.(type) {
	case map[string]any:
		if l, ok := v["key_value"].([]any); ok {
			return pairs(l)
		}
		return v
	case []any:
		m := map[string]any{}
		for _, e := range v {
			e, _ := e.(map[string]any)
			for _, key := range []string{"key", "name"} {
				if k, ok := e[key].(string); ok && m[k] == nil {
					m[k] = e["value"]
				}
			}
		}
		return m
	}
	return nil
}

// jsonMembers are objects that some shapes write as JSON in a string.
var jsonMembers = map[string]bool{"requestParameters": true, "responseElements": true, "additionalEventData": true,
	"serviceEventDetails": true, "resources": true, "userIdentity": true, "tlsDetails": true, "addendum": true,
	"insightDetails": true, "edgeDeviceDetails": true}

// parsed undoes what turning a record into columns does to values: objects in strings, booleans as text.
func parsed(name string, v any) any {
	s, ok := v.(string)
	if !ok {
		return v
	}
	s = strings.TrimSpace(s)
	switch {
	case s == "" || s == "null":
		return nil
	case name == "readOnly" || name == "managementEvent":
		if b, err := strconv.ParseBool(s); err == nil {
			return b
		}
	case jsonMembers[name] || strings.HasPrefix(name, "requestParameters.") || strings.HasPrefix(name, "responseElements."):
		if s[0] != '{' && s[0] != '[' || checkStrict([]byte(s)) != nil {
			return v
		}
		d := json.NewDecoder(strings.NewReader(s))
		d.UseNumber()
		var inner any
		if d.Decode(&inner) == nil && (jsonMembers[name] || !isPolicy(name)) {
			return inner
		}
	}
	return v
}

// isPolicy names members that CloudTrail itself writes as JSON in a string.
func isPolicy(name string) bool { return strings.Contains(strings.ToLower(name), "policy") }

// at gives the value at a dotted path; a member whose own name has dots is found too.
func at(m map[string]any, path string) any {
	for m != nil {
		if v, ok := m[path]; ok {
			return v
		}
		head, rest, more := strings.Cut(path, ".")
		if !more {
			return nil
		}
		m, _ = m[head].(map[string]any)
		path = rest
	}
	return nil
}

// put sets the value at a dotted path, making objects on the way. What is there already stays.
func put(m map[string]any, path string, v any) {
	if v == nil || path == "" || strings.Count(path, ".") > maxShapeDepth/2 {
		return
	}
	for {
		head, rest, more := strings.Cut(path, ".")
		if !more {
			if _, ok := m[head]; !ok {
				m[head] = v
			}
			return
		}
		inner, ok := m[head].(map[string]any)
		if !ok {
			if m[head] != nil {
				return
			}
			inner = map[string]any{}
			m[head] = inner
		}
		m, path = inner, rest
	}
}

func isObject(v any) bool {
	switch v.(type) {
	case map[string]any, []any:
		return true
	}
	return false
}

// text gives a scalar as it would be written, empty for anything else.
func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	case int32:
		return strconv.FormatInt(int64(v), 10)
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return ""
}

// moment gives a time as CloudTrail writes it, from milliseconds since 1970 or from a time in words.
func moment(millis, words any) (string, bool) {
	if n, err := strconv.ParseFloat(text(millis), 64); err == nil && n > 0 && n < 1<<52 {
		ms := int64(n)
		if ms < 100_000_000_000 { // before 1973 in milliseconds: seconds
			ms *= 1000
		}
		return time.UnixMilli(ms).UTC().Format(time.RFC3339), true
	}
	for _, v := range []any{words, millis} {
		for _, layout := range []string{time.RFC3339Nano, "2006-01-02 15:04:05.999999999", "2006-01-02 15:04:05.999999999 MST",
			"2006-01-02T15:04:05.999999999"} {
			if t, err := time.Parse(layout, text(v)); err == nil {
				return t.UTC().Format(time.RFC3339), true
			}
		}
	}
	return "", false
}
