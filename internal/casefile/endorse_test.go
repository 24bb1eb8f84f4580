package casefile

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"strings"
	"testing"
)

const testKMSKey = "arn:aws:kms:eu-west-1:111122223333:key/1"

// endorsed gives a session the endorsement that KMS would give with each of its algorithms.
func endorsed(t *testing.T, s SessionBody, algorithm string) SessionBody {
	t.Helper()
	digest := sha256.Sum256([]byte(s.Key))
	var public crypto.PublicKey
	var signature []byte
	var err error
	switch algorithm {
	case "ECDSA_SHA_256":
		key, e := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if e != nil {
			t.Fatal(e)
		}
		public = key.Public()
		signature, err = ecdsa.SignASN1(rand.Reader, key, digest[:])
	case "ED25519_SHA_512":
		pub, key, e := ed25519.GenerateKey(rand.Reader)
		if e != nil {
			t.Fatal(e)
		}
		public, signature = pub, ed25519.Sign(key, []byte(s.Key))
	case "RSASSA_PSS_SHA_256":
		key, e := rsa.GenerateKey(rand.Reader, 2048)
		if e != nil {
			t.Fatal(e)
		}
		public = key.Public()
		signature, err = rsa.SignPSS(rand.Reader, key, crypto.SHA256, digest[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
	}
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	s.KMSKey, s.KMSAlg = testKMSKey, algorithm
	s.KMSPublic, s.KMSSig = base64.StdEncoding.EncodeToString(der), base64.StdEncoding.EncodeToString(signature)
	return s
}

func TestEndorsementsByKMS(t *testing.T) {
	algorithms := []string{"ECDSA_SHA_256", "ED25519_SHA_512", "RSASSA_PSS_SHA_256"}
	for i, algorithm := range algorithms {
		s := endorsed(t, SessionBody{Key: testSigner(t, 1).VerifierKey()}, algorithm)
		if ok, err := checkEndorsement(s); !ok || err != nil {
			t.Errorf("%s: %v, %v", algorithm, ok, err)
		}
		for name, change := range map[string]func(*SessionBody){
			"another key":        func(s *SessionBody) { s.Key = testSigner(t, 2).VerifierKey() },
			"another algorithm":  func(s *SessionBody) { s.KMSAlg = algorithms[(i+1)%3] },
			"another public key": func(s *SessionBody) { s.KMSPublic = endorsed(t, *s, algorithm).KMSPublic },
			"another signature":  func(s *SessionBody) { s.KMSSig = endorsed(t, *s, algorithm).KMSSig },
			"a changed signature": func(s *SessionBody) {
				raw, _ := base64.StdEncoding.DecodeString(s.KMSSig)
				raw[len(raw)-1] ^= 1
				s.KMSSig = base64.StdEncoding.EncodeToString(raw)
			},
			"no ARN":           func(s *SessionBody) { s.KMSKey = "" },
			"no algorithm":     func(s *SessionBody) { s.KMSAlg = "" },
			"no public key":    func(s *SessionBody) { s.KMSPublic = "" },
			"no signature":     func(s *SessionBody) { s.KMSSig = "" },
			"a long signature": func(s *SessionBody) { s.KMSSig = strings.Repeat("A", maxKMSText+4) },
			"no base64":        func(s *SessionBody) { s.KMSPublic = "!" },
			"no key":           func(s *SessionBody) { s.KMSPublic = "AAAA" },
		} {
			bad := s
			change(&bad)
			if ok, err := checkEndorsement(bad); ok || err == nil {
				t.Errorf("%s, %s: accepted", algorithm, name)
			}
		}
	}
	if ok, err := checkEndorsement(SessionBody{Key: "x"}); ok || err != nil {
		t.Errorf("no endorsement: %v, %v", ok, err)
	}
}

func TestVerifyReportsEndorsements(t *testing.T) {
	w := testWriter(t, 1)
	session := func(s SessionBody) (*Mem, *Case) {
		m := NewMem()
		if err := CreateCase(t.Context(), m, testMeta(w)); err != nil {
			t.Fatal(err)
		}
		c := openTestCase(t, m)
		mustAppend(t, c, w, Draft{Kind: EntrySession, Body: s})
		mustAppend(t, c, w, skipDraft(1))
		return m, c
	}
	good := endorsed(t, SessionBody{Key: w.Signer.VerifierKey()}, "ECDSA_SHA_256")
	m, _ := session(good)
	if v := Verify(t.Context(), m, VerifyOptions{}); !v.OK || v.Keys[0].KMSKey != testKMSKey || v.Keys[0].KMSPublic != good.KMSPublic || v.Keys[0].Entries != 2 {
		t.Errorf("%s %+v", v.Summary, v.Keys)
	}
	bad := good
	bad.KMSSig = endorsed(t, bad, "ECDSA_SHA_256").KMSSig
	m, _ = session(bad)
	requireBroken(t, m, VerifyOptions{}, 1, "a bad endorsement")
	if v := Verify(t.Context(), m, VerifyOptions{}); v.Keys[0].KMSKey != "" || v.Entries != 2 {
		t.Errorf("a bad endorsement is reported as one: %+v, %d entries", v.Keys, v.Entries)
	}
}
