// Package awssim is an AWS account in memory. It answers the AWS SDK's clients
// from behind their own middleware, so that tests and drills run the real
// client code (validation, retries, paginators, modelled errors, presigning)
// against an account that behaves, ages, lags, throttles and fails as AWS's
// documentation says it does, and that notes whatever its caller ought never
// to have done.
//
// # Adding an operation
//
// An operation is a function from the SDK's typed input to its typed output,
// listed once in its service's handler list:
//
//	func iamHandlers() []handler {
//		return []handler{
//			read(iamGetRole),
//			write(iamPutRolePolicy),
//		}
//	}
//
//	func iamGetRole(r *Request, in *iam.GetRoleInput) (*iam.GetRoleOutput, error)
//
// Service and operation names come from the input's type. Handlers run one at
// a time, under the world's lock, and keep to four rules:
//
//   - Check everything before changing anything: a refused call has no effect.
//   - Never let the output share memory with the state; it is read after the
//     lock is gone.
//   - Read through view or look, and call touch before changing a resource:
//     that is what makes eventual consistency work.
//   - Slow work (a snapshot, a draining target) is begun with later.
package awssim
