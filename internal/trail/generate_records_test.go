package trail

import (
	"math/rand/v2"
	"strconv"
	"time"
)

// A caller is one credential of a generated log, or whatever else a record can name as who made a call.
type caller struct {
	kind      string // userIdentity.type
	account   string
	principal string // AIDA…, AROA…:session
	name      string // of the user or role; of the service that an AWSService record names
	session   string // role session name
	key       string // empty: a console session, which has another key for every request; -: none
	delivery  string // ec2RoleDelivery
	source    string // sourceIdentity
	invokedBy string // the service that calls with the session's permissions, with keys that no response shows
	ip, agent string
	from, to  int64     // seconds since 1970
	began     *madeCall // the call that handed it out, nil where the log has none
	by        *caller
}

// arn of the caller, as its records spell it.
func (c *caller) arn() string {
	switch c.kind {
	case "AssumedRole":
		return "arn:aws:sts::" + c.account + ":assumed-role/" + c.name + "/" + c.session
	case "IAMUser":
		return "arn:aws:iam::" + c.account + ":user/" + c.name
	}
	return ""
}

// roleARN of the role that a session is of.
func (c *caller) roleARN() string { return "arn:aws:iam::" + c.account + ":role/" + c.name }

// identity appends the userIdentity of one call.
func (c *caller) identity(b []byte, r *rand.Rand) []byte {
	key, console := c.key, ""
	if key == "" {
		key = randomKey(r, "ASIA")
	}
	switch c.kind {
	case "AWSService":
		return appendAll(b, `{"type":"AWSService","invokedBy":"`, c.name, `"}`)
	case "AWSAccount":
		return appendAll(b, `{"type":"AWSAccount","principalId":"`, c.principal, `","accountId":"`, c.account, `"}`)
	case "SAMLUser", "WebIdentityUser":
		return appendAll(b, `{"type":"`, c.kind, `","principalId":"`, c.principal, `","userName":"`, c.session, `","identityProvider":"`, c.name, `"}`)
	case "IAMUser":
		b = appendAll(b, `{"type":"IAMUser","principalId":"`, c.principal, `","arn":"`, c.arn(), `","accountId":"`, c.account, `","userName":"`, c.name, `"`)
		if key != "-" { // a sign-in has none
			b = appendAll(b, `,"accessKeyId":"`, key, `"`)
		}
		if c.key == "" {
			b = appendAll(b, `,"sessionContext":{"attributes":{"creationDate":"`, stampOf(uint32(c.from)), `","mfaAuthenticated":"true"}}`)
		}
	default:
		issuer := c.principal[:len(c.principal)-len(c.session)-1]
		b = appendAll(b, `{"type":"AssumedRole","principalId":"`, c.principal, `","arn":"`, c.arn(), `","accountId":"`, c.account, `","accessKeyId":"`, key,
			`","sessionContext":{"sessionIssuer":{"type":"Role","principalId":"`, issuer, `","arn":"`, c.roleARN(), `","accountId":"`, c.account, `","userName":"`, c.name,
			`"},"attributes":{"creationDate":"`, stampOf(uint32(c.from)), `","mfaAuthenticated":"false"}`)
		if c.delivery != "" {
			console = `,"ec2RoleDelivery":"` + c.delivery + `"`
		}
		if c.source != "" {
			console = `,"sourceIdentity":"` + c.source + `"`
		}
		b = appendAll(b, console, "}")
	}
	if c.invokedBy != "" {
		b = appendAll(b, `,"invokedBy":"`, c.invokedBy, `"`)
	}
	return append(b, '}')
}

// A madeEvent is one record to be written. The four texts are templates, see expand.
type madeEvent struct {
	at              int64
	who             *caller
	account, region string
	call            *madeCall
	code, message   string
	shared          string
	id              string // empty: drawn
	ip, agent       string // empty: the caller's
	drawn           map[byte]string
}

// record appends one record with the members and in the order of a delivery file, eventVersion 1.11.
// docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
func (w *world) record(b []byte, r *rand.Rand, e *madeEvent) []byte {
	c, ip, agent := e.call, e.who.ip, e.who.agent
	if e.ip != "" {
		ip, agent = e.ip, e.agent
	}
	if e.who.invokedBy != "" {
		ip, agent = e.who.invokedBy, e.who.invokedBy
	}
	b = append(b, `{"eventVersion":"1.11","userIdentity":`...)
	b = e.who.identity(b, r)
	b = append(b, `,"eventTime":"`...)
	b = time.Unix(e.at, 0).UTC().AppendFormat(b, time.RFC3339)
	b = appendAll(b, `","eventSource":"`, c.source, `","eventName":"`, c.name, `","awsRegion":"`, e.region, `","sourceIPAddress":"`, ip, `","userAgent":"`, agent, `",`)
	response := c.response
	if e.code != "" {
		b = appendAll(b, `"errorCode":"`, e.code, `","errorMessage":"`, e.message, `",`)
		response = ""
	}
	b = w.member(b, r, e, "requestParameters", c.request, "null")
	b = w.member(b, r, e, "responseElements", response, "null")
	b = w.member(b, r, e, "additionalEventData", c.additional, "")
	b = append(b, `"requestID":"`...)
	b = randomUUID(b, r)
	b = append(b, `","eventID":"`...)
	if b = append(b, e.id...); e.id == "" {
		b = randomUUID(b, r)
	}
	b = append(b, `","readOnly":`...)
	b = append(strconv.AppendBool(b, c.has(reads)), ',')
	b = w.member(b, r, e, "resources", c.resources, "")
	kind, category := "AwsApiCall", "Management"
	if c.has(signIn) {
		kind = "AwsConsoleSignIn"
	}
	if c.has(ofData) {
		category = "Data"
	}
	b = appendAll(b, `"eventType":"`, kind, `","managementEvent":`, strconv.FormatBool(!c.has(ofData)), `,"recipientAccountId":"`, e.account, `",`)
	if e.shared != "" {
		b = appendAll(b, `"sharedEventID":"`, e.shared, `",`)
	}
	b = appendAll(b, `"eventCategory":"`, category, `"`)
	if e.who.kind != "AWSService" && e.who.invokedBy == "" {
		host := serviceName(c.source)
		if !c.has(global) {
			host += "." + e.region
		}
		b = appendAll(b, `,"tlsDetails":{"tlsVersion":"TLSv1.3","cipherSuite":"TLS_AES_128_GCM_SHA256","clientProvidedHostHeader":"`, host, `.amazonaws.com"}`)
	}
	if e.who.key == "" && !c.has(signIn) && (e.who.kind == "AssumedRole" || e.who.kind == "IAMUser") && e.who.invokedBy == "" {
		b = append(b, `,"sessionCredentialFromConsole":"true"`...)
	}
	return append(b, '}')
}

// member appends one member of a record, its value made of a template; where that is empty, of instead.
func (w *world) member(b []byte, r *rand.Rand, e *madeEvent, name, template, instead string) []byte {
	if template == "" {
		template = instead
	}
	if template == "" {
		return b
	}
	b = appendAll(b, `"`, name, `":`)
	return append(w.expand(b, r, e, template), ',')
}

// expand appends template with every $ and letter replaced by something of its kind. Of what the world has, one is drawn
// a record, or an item: i instance, b bucket, f function, s secret, l log group, g group of firewall rules, K key of
// KMS, R role, U user, v volume; likewise k object key and x eight hexadecimal digits. Drawn anew each time: n number, h
// eight hexadecimal digits, u UUID, 2 half an access key, T session token. The event has a account, r region, W caller,
// C action, d time and D time an hour later as responses of STS and IAM spell it. * is one to many items of the call,
// few mostly.
func (w *world) expand(b []byte, r *rand.Rand, e *madeEvent, template string) []byte {
	for i := 0; i < len(template); i++ {
		if template[i] != '$' || i+1 == len(template) {
			b = append(b, template[i])
			continue
		}
		i++
		switch template[i] {
		case 'a':
			b = append(b, e.account...)
		case 'r':
			b = append(b, e.region...)
		case 'k':
			if e.drawn['k'] == "" {
				e.draw('k', "year=2025/month=03/day="+strconv.Itoa(10+r.IntN(20))+"/part-000"+strconv.Itoa(10+r.IntN(90))+"-"+string(randomUUID(nil, r))+".parquet")
			}
			b = append(b, e.drawn['k']...)
		case 'x':
			if e.drawn['x'] == "" {
				e.draw('x', string(randomHex(nil, r, 8)))
			}
			b = append(b, e.drawn['x']...)
		case 'W':
			b = append(b, e.who.arn()...)
		case 'C':
			b = appendAll(b, serviceName(e.call.source), ":", e.call.name)
		case '2':
			b = append(b, randomKey(r, "")[:8]...)
		case 'n':
			b = strconv.AppendInt(b, int64(r.IntN(100_000)), 10)
		case 'h':
			b = randomHex(b, r, 8)
		case 'u':
			b = randomUUID(b, r)
		case 'T':
			b = randomToken(b, r, 300+r.IntN(500))
		case 'd':
			b = time.Unix(e.at, 0).UTC().AppendFormat(b, time.RFC3339)
		case 'D':
			b = time.Unix(e.at+3600, 0).UTC().AppendFormat(b, "Jan 2, 2006, 3:04:05 PM")
		case '*':
			n := 1 + r.IntN(3)
			if r.IntN(20) == 0 {
				n = 1 + r.IntN(e.call.most)
			}
			for j := range n {
				if j > 0 {
					b = append(b, ',')
				}
				item := *e
				item.drawn = nil
				b = w.expand(b, r, &item, e.call.items)
			}
		default:
			pool := w.pools[template[i]]
			if len(pool) == 0 {
				b = append(b, '$', template[i])
				continue
			}
			if e.drawn[template[i]] == "" {
				e.draw(template[i], pool[r.IntN(1+r.IntN(len(pool)))]) // few are used much
			}
			b = append(b, e.drawn[template[i]]...)
		}
	}
	return b
}

func (e *madeEvent) draw(letter byte, v string) {
	if e.drawn == nil {
		e.drawn = map[byte]string{}
	}
	e.drawn[letter] = v
}

func appendAll(b []byte, parts ...string) []byte {
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

func randomHex(b []byte, r *rand.Rand, n int) []byte {
	for v := r.Uint64(); n > 0; n-- {
		b = append(b, "0123456789abcdef"[v&15])
		if v >>= 4; v == 0 {
			v = r.Uint64()
		}
	}
	return b
}

func randomUUID(b []byte, r *rand.Rand) []byte {
	for i, n := range []int{8, 4, 4, 4, 12} {
		if i > 0 {
			b = append(b, '-')
		}
		b = randomHex(b, r, n)
	}
	return b
}

func randomToken(b []byte, r *rand.Rand, n int) []byte {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	b = append(b, "IQoJb3JpZ2luX2VjE"...)
	for ; n > 0; n -= 10 {
		v := r.Uint64()
		for range 10 {
			b = append(b, letters[v&63])
			v >>= 6
		}
	}
	return append(b, '=')
}

// accessKey draws an id that begins with prefix: AKIA, ASIA, AIDA or AROA.
func randomKey(r *rand.Rand, prefix string) string {
	b := []byte(prefix)
	for v := r.Uint64(); len(b) < 20; v >>= 5 {
		if v == 0 {
			v = r.Uint64()
		}
		b = append(b, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[v&31])
	}
	return string(b)
}
