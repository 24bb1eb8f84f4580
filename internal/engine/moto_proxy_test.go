package engine_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// call is one request as it came over the wire.
type call struct {
	service, operation string
	form               url.Values // query protocols alone
	body               string
}

// proxy stands before moto. It answers what moto lacks, and fails the test on any page of HTML: that is how moto
// says that it does not know an operation or has crashed, and no client can tell it from an AWS error.
type proxy struct {
	t    testing.TB
	moto *url.URL
	url  string

	remaking sync.RWMutex // held while a provider is made anew: nobody else finds it gone

	mu       sync.Mutex
	calls    []call
	locks    map[string]lock // by snapshot
	sessions []session
	agents   []string // instances with an SSM agent
	services []serviceCredential
}

type lock struct{ mode, days string }

type session struct{ id, target, owner, status string }

func newProxy(t testing.TB, moto string) *proxy {
	t.Helper()
	to, err := url.Parse(moto)
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{t: t, moto: to, locks: map[string]lock{}}
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	p.url = server.URL
	return p
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		p.t.Errorf("read the request: %v", err)
		return
	}
	c := callOf(r, body)
	p.mu.Lock()
	p.calls = append(p.calls, c)
	p.mu.Unlock()
	if p.answer(w, c) || p.answerIdentity(w, r, c) {
		return
	}
	p.remaking.RLock()
	defer p.remaking.RUnlock()
	p.forward(w, r, body, c)
}

// callOf names the call. Query protocols carry it in the form, JSON in a header; the service is in the scope of
// the signature (docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-signing-elements.html).
func callOf(r *http.Request, body []byte) call {
	c := call{body: string(body)}
	if scope := strings.Split(r.Header.Get("Authorization"), "/"); len(scope) >= 5 {
		c.service = scope[3]
	}
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		c.operation = target[strings.LastIndex(target, ".")+1:]
		return c
	}
	if form, err := url.ParseQuery(string(body)); err == nil {
		c.form, c.operation = form, form.Get("Action")
	}
	if c.operation == "" { // REST: the operation is the path
		c.operation = r.Method + " " + r.URL.Path
	}
	return c
}

func (p *proxy) forward(w http.ResponseWriter, r *http.Request, body []byte, c call) {
	response, err := p.pass(r, p.reworded(r, body, c))
	if err != nil {
		p.t.Errorf("moto does not answer %s:%s: %v", c.service, c.operation, err)
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		p.t.Errorf("read moto's answer to %s:%s: %v", c.service, c.operation, err)
	}
	if isHTML(answer) {
		p.t.Errorf("moto answers %s:%s with a page of HTML, status %d: it lacks the operation or has crashed\n%s", c.service, c.operation, response.StatusCode, c.body)
	}
	for name, values := range response.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(response.StatusCode)
	if _, err := w.Write(answer); err != nil {
		p.t.Errorf("hand on moto's answer to %s:%s: %v", c.service, c.operation, err)
	}
}

func (p *proxy) pass(r *http.Request, body []byte) (*http.Response, error) {
	to := *p.moto
	to.Path, to.RawQuery = r.URL.Path, r.URL.RawQuery
	request, err := http.NewRequestWithContext(r.Context(), r.Method, to.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header, request.Host = r.Header.Clone(), r.Host
	request.Header.Del("Content-Length") // the body may be another
	return http.DefaultTransport.RoundTrip(request)
}

// reworded asks for the same in words that moto understands. It crashes on some filters, takes the shorter way to
// set the shutdown behaviour for an empty list of security groups, forgets the instance of an Elastic IP that
// is put on one of its interfaces (the first interface is meant where only the instance is named), and starts and stops
// trails by their names alone.
func (p *proxy) reworded(r *http.Request, body []byte, c call) []byte {
	switch {
	case c.operation == "DescribeNetworkInterfaces" && c.form.Get("Filter.1.Name") == "association.public-ip":
		ids := p.ask(r, "DescribeAddresses", "public-ip", valuesOf(c.form), "networkInterfaceId")
		return refiltered(c.form, "network-interface-id", ids)
	case c.operation == "DescribeNetworkInterfaces" && c.form.Get("Filter.1.Name") == "ipv6-addresses.ipv6-address":
		return refiltered(c.form, "network-interface-id", nil) // these accounts have no such address
	case c.operation == "DescribeInstances" && c.form.Get("Filter.1.Name") == "iam-instance-profile.arn":
		all := p.ask(r, "DescribeIamInstanceProfileAssociations", "state", []string{"associated"}, "instanceId", valuesOf(c.form)...)
		return refiltered(c.form, "instance-id", all)
	case c.operation == "AssociateAddress" && c.form.Has("NetworkInterfaceId"):
		form := maps.Clone(c.form)
		for _, instance := range p.ask(r, "DescribeNetworkInterfaces", "network-interface-id", []string{c.form.Get("NetworkInterfaceId")}, "instanceId") {
			form.Set("InstanceId", instance)
			form.Del("NetworkInterfaceId")
		}
		return []byte(form.Encode())
	case c.service == "cloudtrail" && (c.operation == "StartLogging" || c.operation == "StopLogging"):
		return trailByName(c.body)
	case c.operation == "ModifyInstanceAttribute" && c.form.Has("InstanceInitiatedShutdownBehavior.Value"):
		form := maps.Clone(c.form)
		form.Set("Attribute", "instanceInitiatedShutdownBehavior")
		form.Set("Value", c.form.Get("InstanceInitiatedShutdownBehavior.Value"))
		form.Del("InstanceInitiatedShutdownBehavior.Value")
		return []byte(form.Encode())
	}
	return body
}

// trailByName takes the name out of the trail's ARN, arn:aws:cloudtrail:REGION:ACCOUNT:trail/NAME.
func trailByName(body string) []byte {
	if _, rest, ok := strings.Cut(body, ":trail/"); ok {
		return []byte(`{"Name":"` + rest)
	}
	return []byte(body)
}

func valuesOf(form url.Values) []string {
	var values []string
	for i := 1; form.Has("Filter.1.Value." + strconv.Itoa(i)); i++ {
		values = append(values, form.Get("Filter.1.Value."+strconv.Itoa(i)))
	}
	return values
}

// refiltered replaces the first filter. A filter without a value would let everything through.
func refiltered(old url.Values, name string, values []string) []byte {
	form := url.Values{}
	for key, value := range old {
		if !strings.HasPrefix(key, "Filter.1.") {
			form[key] = value
		}
	}
	form.Set("Filter.1.Name", name)
	if len(values) == 0 {
		values = []string{"none"}
	}
	for i, v := range values {
		form.Set("Filter.1.Value."+strconv.Itoa(i+1), v)
	}
	return []byte(form.Encode())
}

// ask puts a question of the proxy's own to moto: the contents of an element, in those items alone that hold one
// of the texts, where there are any.
func (p *proxy) ask(r *http.Request, operation, filter string, values []string, element string, holding ...string) []string {
	form := url.Values{"Action": {operation}, "Version": {"2016-11-15"}}
	response, err := p.pass(r, refiltered(form, filter, values))
	if err != nil {
		p.t.Errorf("ask moto %s: %v", operation, err)
		return nil
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		p.t.Errorf("ask moto %s: status %d, %v\n%s", operation, response.StatusCode, err, answer)
	}
	var found []string
	for _, item := range strings.Split(string(answer), "<item>")[1:] {
		if len(holding) > 0 && !slices.ContainsFunc(holding, func(h string) bool { return strings.Contains(item, ">"+h+"<") }) {
			continue
		}
		if _, rest, ok := strings.Cut(item, "<"+element+">"); ok {
			value, _, _ := strings.Cut(rest, "<")
			found = append(found, value)
		}
	}
	return found
}

// isHTML goes by the bytes: moto gives XML too with the content type of HTML.
func isHTML(answer []byte) bool {
	start := strings.ToLower(string(bytes.TrimSpace(answer[:min(len(answer), 64)])))
	return strings.HasPrefix(start, "<!doctype html") || strings.HasPrefix(start, "<html")
}

// answer serves what moto lacks, with the element and member names of the API reference.
func (p *proxy) answer(w http.ResponseWriter, c call) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch c.service + ":" + c.operation {
	case "ec2:GetConsoleScreenshot":
		image := base64.StdEncoding.EncodeToString([]byte("\xff\xd8\xff picture of a console"))
		p.xml(w, c, "<instanceId>"+escaped(c.form.Get("InstanceId"))+"</instanceId><imageData>"+image+"</imageData>")
	case "ec2:DescribeInstanceAttribute":
		if c.form.Get("Attribute") != "enclaveOptions" {
			return false
		}
		p.xml(w, c, "<instanceId>"+escaped(c.form.Get("InstanceId"))+"</instanceId><enclaveOptions><enabled>false</enabled></enclaveOptions>")
	case "ec2:GetSerialConsoleAccessStatus":
		p.xml(w, c, "<serialConsoleAccessEnabled>false</serialConsoleAccessEnabled>")
	case "ec2:DescribeInstanceConnectEndpoints":
		p.xml(w, c, "<instanceConnectEndpointSet/>")
	case "ec2:LockSnapshot":
		id, l := c.form.Get("SnapshotId"), lock{c.form.Get("LockMode"), c.form.Get("LockDuration")}
		if _, err := strconv.Atoi(l.days); err != nil || id == "" || l.mode == "" {
			p.t.Errorf("LockSnapshot lacks what it needs: %s", c.body)
		}
		p.locks[id] = l
		p.xml(w, c, lockXML(id, l))
	case "ec2:DescribeLockedSnapshots":
		p.xml(w, c, "<snapshotSet>"+p.lockedXML(c)+"</snapshotSet>")
	case "ssm:DescribeInstanceInformation":
		p.json(w, map[string]any{"InstanceInformationList": p.agentsAsked(c)})
	case "ssm:DescribeSessions":
		p.json(w, map[string]any{"Sessions": p.sessionsAsked(c)})
	case "ssm:TerminateSession":
		p.json(w, map[string]any{"SessionId": p.terminate(c)})
	default:
		return false
	}
	return true
}

func (p *proxy) xml(w http.ResponseWriter, c call, inner string) {
	w.Header().Set("Content-Type", "text/xml;charset=UTF-8")
	fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?><%[1]sResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>proxy</requestId>%[2]s</%[1]sResponse>`, c.operation, inner)
}

func (p *proxy) json(w http.ResponseWriter, answer any) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		p.t.Errorf("answer: %v", err)
	}
}

func escaped(s string) string {
	var b bytes.Buffer
	if err := xml.EscapeText(&b, []byte(s)); err != nil {
		panic(err) // a bytes.Buffer takes everything
	}
	return b.String()
}

func lockXML(id string, l lock) string {
	return "<snapshotId>" + escaped(id) + "</snapshotId><lockState>" + escaped(l.mode) + "</lockState><lockDuration>" + escaped(l.days) + "</lockDuration>"
}

func (p *proxy) lockedXML(c call) string {
	var items strings.Builder
	for i := 1; c.form.Has("SnapshotId." + strconv.Itoa(i)); i++ {
		id := c.form.Get("SnapshotId." + strconv.Itoa(i))
		if l, ok := p.locks[id]; ok {
			items.WriteString("<item><ownerId>123456789012</ownerId>" + lockXML(id, l) + "</item>")
		}
	}
	return items.String()
}

func (p *proxy) agentsAsked(c call) []map[string]any {
	var asked struct {
		Filters []struct {
			Key    string
			Values []string
		}
	}
	if err := json.Unmarshal([]byte(c.body), &asked); err != nil {
		p.t.Errorf("read %s: %v", c.operation, err)
	}
	list := []map[string]any{}
	for _, f := range asked.Filters {
		for _, id := range p.agents {
			if f.Key == "InstanceIds" && slices.Contains(f.Values, id) {
				list = append(list, map[string]any{"InstanceId": id, "PingStatus": "Online", "AgentVersion": "3.3.0.0"})
			}
		}
	}
	return list
}

// sessionsAsked takes the filter in the spelling of DescribeSessions: lower-case key and value.
func (p *proxy) sessionsAsked(c call) []map[string]any {
	var asked struct {
		State   string
		Filters []struct {
			Key   string `json:"key"`
			Value string `json:"value"`
		}
	}
	if err := json.Unmarshal([]byte(c.body), &asked); err != nil {
		p.t.Errorf("read %s: %v", c.operation, err)
	}
	list := []map[string]any{}
	for _, s := range p.sessions {
		if (s.status == "Terminated") != (asked.State == "History") {
			continue
		}
		wanted := true
		for _, f := range asked.Filters {
			wanted = wanted && (f.Key != "Target" || f.Value == s.target)
		}
		if wanted {
			list = append(list, map[string]any{"SessionId": s.id, "Target": s.target, "Owner": s.owner, "Status": s.status})
		}
	}
	return list
}

func (p *proxy) terminate(c call) string {
	var asked struct{ SessionId string }
	if err := json.Unmarshal([]byte(c.body), &asked); err != nil {
		p.t.Errorf("read %s: %v", c.operation, err)
	}
	for i, s := range p.sessions {
		if s.id == asked.SessionId {
			p.sessions[i].status = "Terminated"
			return s.id
		}
	}
	p.t.Errorf("TerminateSession of %q, which there is not", asked.SessionId)
	return asked.SessionId
}

// sent is the calls of one operation, in their order.
func (p *proxy) sent(operation string) []call {
	p.mu.Lock()
	defer p.mu.Unlock()
	var found []call
	for _, c := range p.calls {
		if c.operation == operation {
			found = append(found, c)
		}
	}
	return found
}

// counts is how often each operation came so far.
func (p *proxy) counts() map[string]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := map[string]int{}
	for _, c := range p.calls {
		n[c.operation]++
	}
	return n
}
