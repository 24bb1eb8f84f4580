package casefile

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
)

// maxKMSText bounds what a session may give as a public key or a signature; RSA-4096 needs 740 bytes.
const maxKMSText = 4096

// checkEndorsement verifies the signature of a KMS key over the session's verifier key. It answers false
// without an error where the session has none.
//
// The names of algorithms are those of the SigningAlgorithm parameter of kms:Sign, with MessageType RAW
// (docs.aws.amazon.com/kms/latest/APIReference/API_Sign.html). That the public key is that of the named ARN
// cannot be seen offline.
func checkEndorsement(s SessionBody) (bool, error) {
	if s.KMSPublic == "" && s.KMSSig == "" && s.KMSKey == "" && s.KMSAlg == "" {
		return false, nil
	}
	if s.KMSPublic == "" || s.KMSSig == "" || s.KMSKey == "" || s.KMSAlg == "" {
		return false, errors.New("it lacks a part: key, algorithm, public key or signature")
	}
	if len(s.KMSPublic) > maxKMSText || len(s.KMSSig) > maxKMSText {
		return false, errors.New("public key or signature is too long")
	}
	der, err := base64.StdEncoding.Strict().DecodeString(s.KMSPublic)
	if err != nil {
		return false, fmt.Errorf("reading the public key: %w", err)
	}
	signature, err := base64.StdEncoding.Strict().DecodeString(s.KMSSig)
	if err != nil {
		return false, fmt.Errorf("reading the signature: %w", err)
	}
	public, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return false, fmt.Errorf("reading the public key: %w", err)
	}
	if err := verifySignature(public, s.KMSAlg, []byte(s.Key), signature); err != nil {
		return false, err
	}
	return true, nil
}

func verifySignature(public crypto.PublicKey, algorithm string, message, signature []byte) error {
	digest := sha256.Sum256(message)
	valid := false
	switch key := public.(type) {
	case *ecdsa.PublicKey:
		if algorithm != "ECDSA_SHA_256" {
			return unknownAlgorithm(algorithm, key)
		}
		valid = ecdsa.VerifyASN1(key, digest[:], signature)
	case ed25519.PublicKey:
		if algorithm != "ED25519_SHA_512" {
			return unknownAlgorithm(algorithm, key)
		}
		valid = ed25519.Verify(key, message, signature)
	case *rsa.PublicKey:
		if algorithm != "RSASSA_PSS_SHA_256" {
			return unknownAlgorithm(algorithm, key)
		}
		// KMS salts with as many bytes as the digest has.
		options := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}
		valid = rsa.VerifyPSS(key, crypto.SHA256, digest[:], signature, options) == nil
	default:
		return unknownAlgorithm(algorithm, key)
	}
	if !valid {
		return errors.New("the signature does not verify")
	}
	return nil
}

func unknownAlgorithm(algorithm string, key crypto.PublicKey) error {
	return fmt.Errorf("algorithm %q with a key of type %T is not one that cordon verifies", algorithm, key)
}
