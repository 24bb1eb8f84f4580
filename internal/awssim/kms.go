package awssim

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

// KMSState is a region's keys, by id.
type KMSState struct {
	Keys map[string]*Key `dump:"kms/key"`
}

func newKMSState() KMSState { return KMSState{Keys: map[string]*Key{}} }

// keyTrouble says why actor may not use a key, "" if it may. A key that nobody
// put in place is one of AWS's own, which everybody may use.
func (s *KMSState) keyTrouble(actor, keyARN string) string {
	for _, k := range s.Keys {
		switch {
		case k.ARN != keyARN:
		case k.Refused:
			return actor + " is not authorized to use " + keyARN
		case k.State != types.KeyStateEnabled:
			return keyARN + " is in state " + string(k.State)
		}
	}
	return ""
}

// Key is a KMS key. Account is the key's owner, which for a foreign key is not
// the simulated account; Refused says that the key's policy lets the callers
// of this world do nothing.
type Key struct {
	ID           string
	ARN          string
	Account      string
	Aliases      []string // "alias/…"
	Description  string
	Spec         types.KeySpec // SYMMETRIC_DEFAULT, ECC_NIST_P256 or ECC_NIST_EDWARDS25519
	State        types.KeyState
	Manager      types.KeyManagerType
	Created      time.Time
	DeletionDate time.Time // where State is PendingDeletion
	Refused      bool
}

func kmsHandlers() []handler {
	return []handler{
		read(kmsDescribeKey),
		read(kmsGetPublicKey),
		read(kmsSign),
	}
}

// AddKey puts a KMS key in place: enabled, symmetric and the account's own
// where the caller does not say otherwise.
func (w *World) AddKey(region string, k Key) *Key {
	w.mu.Lock()
	defer w.mu.Unlock()
	if k.ID == "" {
		k.ID = w.newUUID()
	}
	if k.Account == "" {
		k.Account = w.account.ID
	}
	if k.ARN == "" {
		k.ARN = "arn:" + w.account.Partition + ":kms:" + region + ":" + k.Account + ":key/" + k.ID
	}
	if k.Spec == "" {
		k.Spec = types.KeySpecSymmetricDefault
	}
	if k.State == "" {
		k.State = types.KeyStateEnabled
	}
	if k.Manager == "" {
		k.Manager = types.KeyManagerTypeCustomer
	}
	if k.Created.IsZero() {
		k.Created = w.options.Now().Add(-365 * 24 * time.Hour)
	}
	w.account.Region(region).KMS.Keys[k.ID] = &k
	w.noteKnown()
	return &k
}

// newUUID draws an identifier in the form that KMS and Auto Scaling use.
func (w *World) newUUID() string {
	n := w.random.Uint64()
	return fmt.Sprintf("%08x-%04x-4%03x-8%03x-%012x", uint32(n), uint16(n>>32), n>>48&0xfff, n>>36&0xfff, w.random.Uint64()>>16)
}

// https://docs.aws.amazon.com/kms/latest/APIReference/API_DescribeKey.html
func kmsDescribeKey(r *Request, in *kms.DescribeKeyInput) (*kms.DescribeKeyOutput, error) {
	k, err := findKey(r, in.KeyId)
	if err != nil {
		return nil, err
	}
	m := &types.KeyMetadata{
		KeyId: aws.String(k.ID), Arn: aws.String(k.ARN), AWSAccountId: aws.String(k.Account),
		CreationDate: aws.Time(k.Created), Description: aws.String(k.Description),
		Enabled: k.State == types.KeyStateEnabled, KeyState: k.State, KeyManager: k.Manager,
		KeySpec:  k.Spec,
		KeyUsage: k.usage(), SigningAlgorithms: k.signingAlgorithms(),
		Origin: types.OriginTypeAwsKms, MultiRegion: aws.Bool(false),
	}
	if k.State == types.KeyStatePendingDeletion {
		m.DeletionDate = aws.Time(k.DeletionDate)
	}
	if k.usage() == types.KeyUsageTypeEncryptDecrypt {
		m.EncryptionAlgorithms = []types.EncryptionAlgorithmSpec{types.EncryptionAlgorithmSpecSymmetricDefault}
	}
	return &kms.DescribeKeyOutput{KeyMetadata: m}, nil
}

// https://docs.aws.amazon.com/kms/latest/APIReference/API_GetPublicKey.html
func kmsGetPublicKey(r *Request, in *kms.GetPublicKeyInput) (*kms.GetPublicKeyOutput, error) {
	k, err := usableKey(r, in.KeyId)
	if err != nil {
		return nil, err
	}
	if k.usage() != types.KeyUsageTypeSignVerify {
		return nil, modelled(400, &types.UnsupportedOperationException{Message: aws.String(
			"This operation is not supported on symmetric keys: " + k.ARN)})
	}
	public, err := x509.MarshalPKIXPublicKey(k.private().Public())
	if err != nil {
		return nil, fmt.Errorf("encoding the public key of %s: %w", k.ARN, err)
	}
	return &kms.GetPublicKeyOutput{
		KeyId: aws.String(k.ARN), PublicKey: public, KeyUsage: k.usage(),
		KeySpec: k.Spec, SigningAlgorithms: k.signingAlgorithms(),
	}, nil
}

// Sign takes messages of up to 4,096 bytes; a longer one is to be hashed and
// sent as a digest. ED25519_SHA_512 takes raw messages alone.
// https://docs.aws.amazon.com/kms/latest/APIReference/API_Sign.html
func kmsSign(r *Request, in *kms.SignInput) (*kms.SignOutput, error) {
	invalid := func(why string) error { return fail("ValidationException", "%s", why) }
	k, err := usableKey(r, in.KeyId)
	switch {
	case err != nil:
		return nil, err
	case len(in.Message) == 0 || len(in.Message) > 4096:
		return nil, invalid("Message must have length between 1 and 4096")
	case k.usage() != types.KeyUsageTypeSignVerify || in.SigningAlgorithm != k.signingAlgorithms()[0]:
		return nil, modelled(400, &types.InvalidKeyUsageException{Message: aws.String(
			"Algorithm " + string(in.SigningAlgorithm) + " is incompatible with key spec " + string(k.Spec) + ".")})
	case aws.ToBool(in.DryRun):
		return nil, modelled(412, &types.DryRunOperationException{Message: aws.String("The request would have succeeded, but the DryRun parameter was set.")})
	}
	message, options := in.Message, crypto.SignerOpts(crypto.Hash(0))
	digest := in.MessageType == types.MessageTypeDigest
	if k.Spec == types.KeySpecEccNistP256 {
		options = crypto.SHA256
		if !digest {
			sum := sha256.Sum256(message)
			message = sum[:]
		}
		if len(message) != sha256.Size {
			return nil, invalid("Digest is invalid length for algorithm ECDSA_SHA_256.")
		}
	} else if digest {
		return nil, invalid("MessageType DIGEST is not valid for ED25519_SHA_512.")
	}
	// Without a source of randomness ECDSA signs deterministically (RFC 6979),
	// which keeps a drill's journal the same from run to run.
	signature, err := k.private().Sign(nil, message, options)
	if err != nil {
		return nil, fmt.Errorf("signing with %s: %w", k.ARN, err)
	}
	return &kms.SignOutput{KeyId: aws.String(k.ARN), Signature: signature, SigningAlgorithm: in.SigningAlgorithm}, nil
}

// findKey takes a key's id, ARN, alias or alias ARN. A key in another account
// is reached by ARN only, and one whose policy does not name the caller looks
// the same as one that does not exist there.
func findKey(r *Request, id *string) (*Key, error) {
	name := aws.ToString(id)
	account, short := r.Account.ID, name
	if strings.HasPrefix(name, "arn:") {
		parts := strings.SplitN(name, ":", 6)
		if len(parts) != 6 || parts[2] != "kms" {
			return nil, modelled(400, &types.InvalidArnException{Message: aws.String("Invalid arn " + name)})
		}
		if parts[3] != r.Region.Name {
			return nil, modelled(400, &types.NotFoundException{Message: aws.String("Invalid arn " + parts[3])})
		}
		account, short = parts[4], strings.TrimPrefix(parts[5], "key/")
	}
	for _, k := range view(r, r.Region.KMS.Keys) {
		if k.Account != account || k.ID != short && !slices.Contains(k.Aliases, short) {
			continue
		}
		if k.Refused {
			return nil, keyRefused(r, k.ARN)
		}
		return k, nil
	}
	if account != r.Account.ID {
		return nil, keyRefused(r, name)
	}
	what := "Key"
	if strings.HasPrefix(short, "alias/") {
		what = "Alias"
	} else if short == name {
		name = r.arn("kms", "key/"+name)
	}
	return nil, modelled(400, &types.NotFoundException{Message: aws.String(what + " '" + name + "' does not exist")})
}

func keyRefused(r *Request, arn string) error {
	return fail("AccessDeniedException",
		"User: %s is not authorized to perform: kms:%s on resource: %s because no resource-based policy allows the kms:%[2]s action",
		r.Actor, r.Operation, arn)
}

// usableKey is a key in a state that cryptographic operations take.
// https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html
func usableKey(r *Request, id *string) (*Key, error) {
	k, err := findKey(r, id)
	if err != nil {
		return nil, err
	}
	switch k.State {
	case types.KeyStateEnabled:
		return k, nil
	case types.KeyStateDisabled:
		return nil, modelled(400, &types.DisabledException{Message: aws.String(k.ARN + " is disabled.")})
	default:
		return nil, modelled(400, &types.KMSInvalidStateException{Message: aws.String(k.ARN + " is pending deletion.")})
	}
}

func (k *Key) usage() types.KeyUsageType {
	if k.Spec == types.KeySpecSymmetricDefault {
		return types.KeyUsageTypeEncryptDecrypt
	}
	return types.KeyUsageTypeSignVerify
}

func (k *Key) signingAlgorithms() []types.SigningAlgorithmSpec {
	switch k.Spec {
	case types.KeySpecEccNistP256:
		return []types.SigningAlgorithmSpec{types.SigningAlgorithmSpecEcdsaSha256}
	case types.KeySpecEccNistEdwards25519:
		return []types.SigningAlgorithmSpec{types.SigningAlgorithmSpecEd25519Sha512, types.SigningAlgorithmSpecEd25519PhSha512}
	default:
		return nil
	}
}

// private makes the key's secret half from its id, so that the same world
// signs the same way every time.
func (k *Key) private() crypto.Signer {
	seed := sha256.Sum256([]byte(k.ID))
	if k.Spec == types.KeySpecEccNistEdwards25519 {
		return ed25519.NewKeyFromSeed(seed[:])
	}
	for {
		// A hash over the group's order is no key; the next one almost surely is.
		if key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), seed[:]); err == nil {
			return key
		}
		seed = sha256.Sum256(seed[:])
	}
}
