package awssim

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

func TestKMSSignaturesVerify(t *testing.T) {
	s := newScene(t)
	c := kms.NewFromConfig(s.cfg)
	message := []byte("the journal's key")
	for spec, algorithm := range map[types.KeySpec]types.SigningAlgorithmSpec{
		types.KeySpecEccNistP256:         types.SigningAlgorithmSpecEcdsaSha256,
		types.KeySpecEccNistEdwards25519: types.SigningAlgorithmSpecEd25519Sha512,
	} {
		k := s.AddKey(testRegion, Key{Spec: spec, Aliases: []string{"alias/" + string(spec)}})
		public, err := c.GetPublicKey(ctx, &kms.GetPublicKeyInput{KeyId: aws.String("alias/" + string(spec))})
		ok(t, err)
		parsed, err := x509.ParsePKIXPublicKey(public.PublicKey)
		ok(t, err)
		signed, err := c.Sign(ctx, &kms.SignInput{KeyId: aws.String(k.ARN), Message: message, SigningAlgorithm: algorithm, MessageType: types.MessageTypeRaw})
		ok(t, err)
		switch p := parsed.(type) {
		case *ecdsa.PublicKey:
			sum := sha256.Sum256(message)
			if !ecdsa.VerifyASN1(p, sum[:], signed.Signature) {
				t.Errorf("%s: the signature does not verify", spec)
			}
		case ed25519.PublicKey:
			if !ed25519.Verify(p, message, signed.Signature) {
				t.Errorf("%s: the signature does not verify", spec)
			}
		default:
			t.Errorf("%s: public key %T", spec, parsed)
		}
		if *signed.KeyId != k.ARN {
			t.Errorf("signed by %s", *signed.KeyId)
		}
		_, err = c.Sign(ctx, &kms.SignInput{KeyId: aws.String(k.ARN), Message: make([]byte, 4097), SigningAlgorithm: algorithm})
		wantCode(t, err, "ValidationException")
		_, err = c.Sign(ctx, &kms.SignInput{KeyId: aws.String(k.ARN), Message: message, SigningAlgorithm: types.SigningAlgorithmSpecRsassaPssSha256})
		wantCode(t, err, "InvalidKeyUsageException")
	}
}

func TestKeyStates(t *testing.T) {
	s := newScene(t)
	c := kms.NewFromConfig(s.cfg)
	gone := s.now.Add(7 * 24 * time.Hour)
	describe := func(k *Key) (*types.KeyMetadata, error) {
		out, err := c.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: aws.String(k.ARN)})
		if err != nil {
			return nil, err
		}
		return out.KeyMetadata, nil
	}
	m, err := describe(s.AddKey(testRegion, Key{State: types.KeyStatePendingDeletion, DeletionDate: gone}))
	ok(t, err)
	if m.Enabled || m.KeyState != types.KeyStatePendingDeletion || !m.DeletionDate.Equal(gone) {
		t.Errorf("pending deletion: %+v", m)
	}
	m, err = describe(s.AddKey(testRegion, Key{}))
	ok(t, err)
	if !m.Enabled || m.DeletionDate != nil || m.KeyUsage != types.KeyUsageTypeEncryptDecrypt {
		t.Errorf("enabled: %+v", m)
	}
	_, err = describe(s.AddKey(testRegion, Key{Account: "444455556666", Refused: true}))
	wantCode(t, err, "AccessDeniedException")
	m, err = describe(s.AddKey(testRegion, Key{Account: "444455556666"}))
	ok(t, err)
	if *m.AWSAccountId != "444455556666" {
		t.Errorf("a foreign key that lets us in: %+v", m)
	}
	_, err = describe(&Key{ARN: "arn:aws:kms:eu-west-1:999988887777:key/00000000-0000-4000-8000-000000000000"})
	wantCode(t, err, "AccessDeniedException")
	_, err = c.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: aws.String("alias/none")})
	wantCode(t, err, "NotFoundException")

	signer := s.AddKey(testRegion, Key{Spec: types.KeySpecEccNistP256, State: types.KeyStateDisabled})
	sign := &kms.SignInput{KeyId: aws.String(signer.ID), Message: []byte("x"), SigningAlgorithm: types.SigningAlgorithmSpecEcdsaSha256}
	_, err = c.Sign(ctx, sign)
	wantCode(t, err, "DisabledException")
	s.Do(func(*Account) { signer.State = types.KeyStatePendingDeletion })
	_, err = c.Sign(ctx, sign)
	wantCode(t, err, "KMSInvalidStateException")
}
