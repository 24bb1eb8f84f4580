package trail

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// lakeColumns give the members of a record that columns hold, by the column's name in lower case without spaces,
// dashes and underscores: Athena and Lake write eventid, Event history's download writes "Event ID".
// docs.aws.amazon.com/athena/latest/ug/cloudtrail-logs.html, .../awscloudtrail/latest/userguide/query-supported-event-schemas.html
var lakeColumns = columns(`eventVersion userIdentity eventTime eventSource eventName awsRegion sourceIPAddress userAgent
	errorCode errorMessage requestParameters responseElements additionalEventData requestID eventID resources eventType
	apiVersion readOnly recipientAccountId serviceEventDetails sharedEventID vpcEndpointId vpcEndpointAccountId
	eventCategory addendum sessionCredentialFromConsole edgeDeviceDetails tlsDetails managementEvent insightDetails
	annotation`, map[string]string{"sourceipaddress": "sourceIPAddress", "username": "userIdentity.userName",
	"awsaccesskey": "userIdentity.accessKeyId", "readonly": "readOnly"})

// structFields give the names of what is in userIdentity and resources, which Athena and Lake write in lower case.
var structFields = columns(`type principalId arn accountId accessKeyId userName invokedBy sessionContext attributes
	mfaAuthenticated creationDate sessionIssuer webIdFederationData federatedProvider ec2RoleDelivery sourceIdentity
	onBehalfOf userId identityStoreArn identityProvider inScopeOf credentialId sourceArn issuerType credentialsIssuedTo
	assumedRoot signInSessionArn webIdTokenId`, nil)

func columns(names string, more map[string]string) map[string]string {
	m := map[string]string{}
	for _, n := range strings.Fields(names) {
		m[strings.ToLower(n)] = n
	}
	for k, v := range more {
		m[k] = v
	}
	return m
}

func column(name string) string {
	plain := strings.NewReplacer("_", "", "-", "", " ", "").Replace(strings.ToLower(name))
	if member, ok := lakeColumns[plain]; ok {
		return member
	}
	for lower, member := range lakeColumns { // useridentity.arn and the like
		if rest, ok := strings.CutPrefix(strings.ToLower(name), lower+"."); ok {
			return member + "." + structPath(rest)
		}
	}
	return ""
}

func structPath(path string) string {
	parts := strings.Split(path, ".")
	for i, p := range parts {
		if known, ok := structFields[strings.ToLower(p)]; ok {
			parts[i] = known
		}
	}
	return strings.Join(parts, ".")
}

// lakeObject takes a row as a JSON object of lower-case columns.
func (s *sink) lakeObject(offset int64, raw []byte) error {
	m, err := strictMap(raw)
	if err != nil {
		s.refuse(offset, problemKind(err), "row: "+err.Error(), raw)
		return nil
	}
	return s.lakeMap(offset, m)
}

// lakeRow takes a row as GetQueryResults gives it: an array of objects of one column each.
func (s *sink) lakeRow(offset int64, raw []byte) error {
	if err := checkStrict(raw); err != nil {
		s.refuse(offset, problemKind(err), "row: "+err.Error(), raw)
		return nil
	}
	var cells []map[string]any
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&cells); err != nil {
		s.refuse(offset, "bad-record", "row: "+err.Error(), raw)
		return nil
	}
	row := map[string]any{}
	for _, c := range cells {
		if name, ok := c["field"].(string); ok && len(c) == 2 { // Logs Insights: {"field":"@message","value":"…"}
			c = map[string]any{name: c["value"]}
		}
		for k, v := range c {
			if _, twice := row[k]; twice {
				s.refuse(offset, "duplicate-name", fmt.Sprintf("row: column %q twice", clip(k)), raw)
				return nil
			}
			row[k] = v
		}
	}
	return s.lakeMap(offset, row)
}

// lakeMap makes a record of a row's columns: of eventData, where it holds the whole record, else of each.
func (s *sink) lakeMap(offset int64, row map[string]any) error {
	s.saw(shapeLake)
	names := slices.Sorted(maps.Keys(row)) // of two columns for one member the first counts, whatever the map's order
	for _, name := range names {
		inner, ok := row[name].(string)
		if !ok || !wholeRecord[strings.ToLower(name)] {
			continue
		}
		if inner = strings.TrimSpace(inner); strings.HasPrefix(inner, "{") {
			return newWalkerOn([]byte(inner)).all(s, 1, offset)
		}
	}
	rec := map[string]any{}
	for _, name := range names {
		member := column(name)
		if member == "" {
			continue
		}
		v := parsed(member, row[name])
		if t, ok := v.(string); ok && jsonMembers[member] {
			var sure bool
			if v, sure = structText(t); v == nil {
				s.trouble(offset, "bad-record", fmt.Sprintf("row: column %q is neither JSON nor a row's text", clip(name)))
				continue
			} else if !sure {
				s.trouble(offset, "ambiguous", fmt.Sprintf("row: column %q is a row's text, which does not quote: values may be cut wrongly", clip(name)))
			}
		}
		if member == "userIdentity" || member == "resources" {
			v = renamed(v, 0)
		}
		put(rec, member, v)
	}
	if when, ok := moment(rec["eventTime"], rec["eventTime"]); ok {
		rec["eventTime"] = when
	}
	for _, needed := range []string{"eventID", "eventTime", "eventName"} {
		if text(rec[needed]) == "" {
			s.trouble(offset, "bad-record", "row without "+needed+": select it too")
			return nil
		}
	}
	return s.send(offset, rec)
}

// wholeRecord are columns that hold a record as JSON.
var wholeRecord = map[string]bool{"eventdata": true, "eventjson": true, "cloudtrailevent": true, "event": true,
	"@message": true, "message": true, "_raw": true}

func clip(s string) string {
	if len(s) > 60 {
		s = s[:60] + "…"
	}
	return s
}

// renamed gives the members of userIdentity and resources their own spelling.
func renamed(v any, depth int) any {
	if depth > 8 {
		return v
	}
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for _, name := range slices.Sorted(maps.Keys(v)) {
			inner := v[name]
			if known, ok := structFields[strings.ToLower(name)]; ok {
				name = known
			}
			if out[name] == nil {
				out[name] = renamed(inner, depth+1)
			}
		}
		return out
	case []any:
		for i := range v {
			v[i] = renamed(v[i], depth+1)
			if m, ok := v[i].(map[string]any); ok && m["arn"] != nil && m["ARN"] == nil {
				m["ARN"] = m["arn"]
				delete(m, "arn")
			}
		}
		return v
	}
	return v
}

// structText reads what Presto writes of a row, {type=AssumedRole, principalid=AROA…:name, sessioncontext={…}}. It
// quotes nothing; names in IAM cannot hold a space or a brace, so in userIdentity nothing is lost. In free text it may
// be: sure says whether every name was one of userIdentity's or resources'.
func structText(t string) (v any, sure bool) {
	p := structParser{text: t, sure: true}
	v, ok := p.value(0)
	if !ok || p.at != len(p.text) || !isObject(v) {
		return nil, false
	}
	return v, p.sure
}

type structParser struct {
	text string
	at   int
	sure bool
}

func (p *structParser) value(depth int) (any, bool) {
	if depth > 12 || p.at >= len(p.text) {
		return nil, depth <= 12
	}
	switch p.text[p.at] {
	case '{':
		return p.object(depth)
	case '[':
		return p.list(depth)
	}
	end := strings.IndexAny(p.text[p.at:], ",}]")
	for end >= 0 && p.text[p.at+end] == ',' && !strings.HasPrefix(p.text[p.at+end:], ", ") {
		next := strings.IndexAny(p.text[p.at+end+1:], ",}]")
		if next < 0 {
			end = -1
			break
		}
		end += 1 + next
	}
	if end < 0 {
		end = len(p.text) - p.at
	}
	word := p.text[p.at : p.at+end]
	p.at += end
	if word == "null" || word == "" {
		return nil, true
	}
	return word, true
}

func (p *structParser) object(depth int) (any, bool) {
	m := map[string]any{}
	p.at++
	for p.at < len(p.text) {
		if p.text[p.at] == '}' {
			p.at++
			return m, true
		}
		eq := strings.IndexByte(p.text[p.at:], '=')
		if eq <= 0 || eq > 100 || strings.ContainsAny(p.text[p.at:p.at+eq], "{}[], ") {
			return nil, false
		}
		name := p.text[p.at : p.at+eq]
		if _, ok := structFields[strings.ToLower(name)]; !ok {
			p.sure = false
		}
		p.at += eq + 1
		v, ok := p.value(depth + 1)
		if _, twice := m[name]; !ok || twice {
			return nil, false
		}
		m[name] = v
		p.comma()
	}
	return nil, false
}

func (p *structParser) list(depth int) (any, bool) {
	l := []any{}
	p.at++
	for p.at < len(p.text) {
		if p.text[p.at] == ']' {
			p.at++
			return l, true
		}
		before := p.at
		v, ok := p.value(depth + 1)
		if !ok {
			return nil, false
		}
		l = append(l, v)
		p.comma()
		if p.at == before {
			return nil, false
		}
	}
	return nil, false
}

func (p *structParser) comma() {
	if strings.HasPrefix(p.text[p.at:], ", ") {
		p.at += 2
	}
}
