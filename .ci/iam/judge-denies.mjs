// Judges requests against policies with @cloud-copilot/iam-simulate, an evaluator that shares nothing with cordon.
//
//   node judge-denies.mjs CASES.json
//
// A case is {name, principal, policies, action, resource, account, context, allowed}, with where they apply
// session: the policy that a session was opened with; controls: service control policies, which stand on the account
// beside AWS's FullAWSAccess; trust: the resource's own policy, for a role the one that says who may assume it.
//
// A request that the evaluator refuses to judge is a fault: it says that the case, or a policy, is not valid. So is
// one whose context it leaves out: it would have been judged by half.
import { readFileSync } from 'node:fs'
import { runSimulation } from '@cloud-copilot/iam-simulate'

const full = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] }
const cases = JSON.parse(readFileSync(process.argv[2], 'utf8'))
let faults = cases.length === 0 ? 1 : 0
for (const c of cases) {
  const controls = c.controls ? [full, ...c.controls] : []
  const result = await runSimulation(
    {
      request: {
        principal: c.principal,
        action: c.action,
        resource: { resource: c.resource, accountId: c.account },
        contextVariables: c.context ?? {},
      },
      sessionPolicy: c.session,
      identityPolicies: named(c.policies ?? []),
      serviceControlPolicies: c.controls ? [{ orgIdentifier: 'account', policies: named(controls) }] : [],
      resourceControlPolicies: [],
      resourcePolicy: c.trust,
    },
    {},
  )
  const got = verdict(result)
  if (got !== (c.allowed ? 'Allowed' : 'Denied')) {
    faults++
    console.error(`${c.name}: ${c.action} on ${c.resource} by ${c.principal} is ${got}, not ${c.allowed ? 'allowed' : 'denied'}`)
  }
}
if (faults === 0) console.log(`${cases.length} requests judged as expected`)
process.exitCode = faults > 0 ? 1 : 0

function named(policies) {
  return policies.map((policy, i) => ({ name: `policy${i}`, policy }))
}

// An explicit and an implicit deny both stop the request.
function verdict(result) {
  if (result.resultType === 'error') return `not judged (${JSON.stringify(result.errors)})`
  const ignored = result.result?.ignoredContextKeys ?? []
  if (ignored.length > 0) return `not judged (without ${ignored.join(', ')})`
  const overall = result.overallResult ?? result.analysis?.result
  if (overall === 'Allowed') return 'Allowed'
  return /Denied$/.test(overall ?? '') ? 'Denied' : `not judged (${JSON.stringify(result).slice(0, 400)})`
}
